#!/usr/bin/env node
// urql: queries and mutations by fetch, subscriptions by graphql-ws.
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { authorization, data, documents, socketUrl, url, walk } from "./walk.mjs";

const socket = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
});
const forwardSubscription = (request) => ({
  subscribe: (sink) => ({ unsubscribe: socket.subscribe(request, sink) }),
});
const client = new Client({
  url,
  fetchOptions: { headers: { authorization } },
  exchanges: [cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })],
});

await walk({
  async ask(name, variables) {
    const run = name === "Record" || name === "Export" ? "mutation" : "query";
    return data(await client[run](documents[name], variables).toPromise());
  },
  watch: (name, variables, take) =>
    new Promise((resolve, reject) => {
      const { unsubscribe } = client.subscription(documents[name], variables).subscribe((result) => {
        try {
          if (!take(data(result))) return;
          resolve();
        } catch (error) {
          reject(error);
        }
        setImmediate(() => unsubscribe());
      });
    }),
  close: () => socket.dispose(),
});
