#!/usr/bin/env node
// audit.mjs URL: runs graphql-http's audits of GraphQL over HTTP and prints the outcome of each as one JSON
// line. Exits 0 where every one is passed (a warning is no pass), 1 where one isn't, 2 on wrong usage.
import { auditServer } from "graphql-http";

const [url, ...rest] = process.argv.slice(2);
if (!url || rest.length > 0) {
  console.error("usage: audit.mjs URL");
  process.exit(2);
}

const results = await auditServer({ url });
for (const { status, id, name, reason } of results) {
  console.log(JSON.stringify({ status, id, name, ...(reason && { reason }) }));
}
process.exitCode = results.every(({ status }) => status === "ok") ? 0 : 1;
