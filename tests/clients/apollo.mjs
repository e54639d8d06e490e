#!/usr/bin/env node
// Apollo Client: pages merged by its cache, subscriptions by graphql-ws.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { PAGE, authorization, data, documents, organizationId, socketUrl, url, walk } from "./walk.mjs";

const socket = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
});
const auditLogs = relayStylePagination(["organizationId", "filter", "orderBy"]);
const client = new ApolloClient({
  cache: new InMemoryCache({ typePolicies: { Query: { fields: { auditLogs } } } }),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: url, headers: { authorization } }),
  ),
});
const parsed = Object.fromEntries(
  Object.entries(documents).map(([name, document]) => [name, gql(document)]),
);

await walk({
  async read() {
    const variables = { organizationId, first: PAGE };
    const options = { query: parsed.Entries, variables };
    const first = data(await client.query(options));
    const watched = client.watchQuery(options);
    const watching = watched.subscribe(() => {});
    await watched.fetchMore({ variables: { after: first.auditLogs.pageInfo.endCursor } });
    watching.unsubscribe();
    // From the cache, which has put the second page behind the first.
    return client.readQuery(options).auditLogs.edges.map(({ node }) => node.action);
  },
  async ask(name, variables) {
    const document = parsed[name];
    return data(
      name === "Record" || name === "Export"
        ? await client.mutate({ mutation: document, variables })
        : await client.query({ query: document, variables }),
    );
  },
  watch: (name, variables, take) =>
    new Promise((resolve, reject) => {
      const watching = client.subscribe({ query: parsed[name], variables }).subscribe({
        next(result) {
          try {
            if (!take(data(result))) return;
            resolve();
          } catch (error) {
            reject(error);
          }
          setImmediate(() => watching.unsubscribe());
        },
        error: reject,
        complete: () => reject(new Error("completed before the job's end")),
      });
    }),
  async close() {
    client.stop();
    await socket.dispose();
  },
});
