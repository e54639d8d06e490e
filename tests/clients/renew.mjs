#!/usr/bin/env node
// renew.mjs URL ORGANIZATION_ID TOKEN...: one subscription to recorded entries that outlives its tokens.
// Each connection takes the next token. Prints {"closed": code} for each connection that ends and the action
// of each entry, one JSON line each; exits 0 after an entry with the action "last".
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, organizationId, ...tokens] = process.argv.slice(2);
if (tokens.length === 0) {
  console.error("usage: renew.mjs URL ORGANIZATION_ID TOKEN...");
  process.exit(2);
}

const print = (line) => console.log(JSON.stringify(line));
let cursor;
const client = createClient({
  url: url.replace(/^http/, "ws"),
  webSocketImpl: WebSocket,
  connectionParams: () => ({ authorization: `Bearer ${tokens.shift()}` }),
  // As graphql-ws has it by default: which codes are retried is its own decision.
  retryAttempts: 3,
  retryWait: () => Promise.resolve(),
  on: { closed: ({ code }) => print({ closed: code }) },
});

const query = `
  subscription($organizationId: ID!, $after: String) {
    auditLogRecorded(organizationId: $organizationId, after: $after) { cursor node { action } }
  }
`;
const variables = {
  organizationId,
  get after() {
    return cursor;
  },
};
client.on("connected", () => print({ connected: true }));
const unsubscribe = client.subscribe(
  { query, variables },
  {
    next({ data, errors }) {
      if (errors) throw errors;
      const { cursor: next, node } = data.auditLogRecorded;
      cursor = next;
      print({ action: node.action });
      if (node.action === "last") unsubscribe();
    },
    error(reason) {
      console.error(reason.reason ?? reason);
      process.exitCode = 1;
    },
    complete: () => client.dispose(),
  },
);
