#!/usr/bin/env node
// Relay's runtime with what its compiler made of relay/documents.js: pages merged by its store, queries and
// mutations by fetch, subscriptions by graphql-ws.
import { createClient } from "graphql-ws";
import relay from "relay-runtime";
import WebSocket from "ws";
import Artifact from "./relay/__generated__/documentsArtifactQuery.graphql.js";
import Entries from "./relay/__generated__/documentsEntriesQuery.graphql.js";
import Export from "./relay/__generated__/documentsExportMutation.graphql.js";
import Record from "./relay/__generated__/documentsRecordMutation.graphql.js";
import Updates from "./relay/__generated__/documentsUpdatesSubscription.graphql.js";
import { PAGE, authorization, organizationId, socketUrl, url, walk } from "./walk.mjs";

const { Environment, Network, Observable, RecordSource, Store } = relay;
const queries = { Artifact, Entries };
const mutations = { Export, Record };

const socket = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
});

async function ask({ text: query }, variables) {
  const headers = { authorization, "content-type": "application/json" };
  const body = JSON.stringify({ query, variables });
  return (await fetch(url, { method: "POST", headers, body })).json();
}

function watch({ text: query }, variables) {
  return Observable.create((sink) => socket.subscribe({ query, variables }, sink));
}

const environment = new Environment({
  network: Network.create(ask, watch),
  store: new Store(new RecordSource()),
});

const query = (name, variables) =>
  relay.fetchQuery(environment, queries[name], variables).toPromise();
const mutate = (name, variables) =>
  new Promise((resolve, reject) => {
    relay.commitMutation(environment, {
      mutation: mutations[name],
      variables,
      onCompleted: (data, errors) => (errors ? reject(errors) : resolve(data)),
      onError: reject,
    });
  });

await walk({
  async read() {
    const variables = { organizationId, first: PAGE };
    const first = await query("Entries", variables);
    await query("Entries", { ...variables, after: first.auditLogs.pageInfo.endCursor });
    // From the store: the handle of @connection has put the second page behind the first.
    const operation = relay.createOperationDescriptor(Entries, variables);
    const { data } = environment.lookup(operation.fragment);
    return data.auditLogs.edges.map(({ node }) => node.action);
  },
  ask: (name, variables) => (name in queries ? query : mutate)(name, variables),
  watch: (_, variables, take) =>
    new Promise((resolve, reject) => {
      const { dispose } = relay.requestSubscription(environment, {
        subscription: Updates,
        variables,
        onNext(data) {
          if (!take(data)) return;
          resolve();
          setImmediate(() => dispose());
        },
        onCompleted: () => reject(new Error("completed before the job's end")),
        onError: reject,
      });
    }),
  close: () => socket.dispose(),
});
