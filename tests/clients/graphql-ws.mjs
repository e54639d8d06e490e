#!/usr/bin/env node
// graphql-ws: everything over one WebSocket.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { authorization, data, documents, socketUrl, walk } from "./walk.mjs";

const client = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  lazy: false,
  onNonLazyError: console.error,
});
const iterate = (name, variables) => client.iterate({ query: documents[name], variables });

await walk({
  ask: async (name, variables) => data((await iterate(name, variables).next()).value),
  async watch(name, variables, take) {
    for await (const result of iterate(name, variables)) if (take(data(result))) return;
  },
  close: () => client.dispose(),
});
