#!/usr/bin/env node
// events.mjs URL TOKEN QUERY [VARIABLES]: one operation by graphql-sse, in distinct connections mode. Prints
// each result as a JSON line; exits 0 once the server has completed it, 1 with the reason where it fails.
import { createClient } from "graphql-sse";

const [url, token, query, variables = "{}"] = process.argv.slice(2);
if (!query) {
  console.error("usage: events.mjs URL TOKEN QUERY [VARIABLES]");
  process.exit(2);
}

const client = createClient({
  url,
  headers: token === "-" ? {} : { authorization: `Bearer ${token}` },
  // A stream that ends without its completion is a failure here, not something to hide by asking again.
  retryAttempts: 0,
});
try {
  for await (const result of client.iterate({ query, variables: JSON.parse(variables) })) {
    console.log(JSON.stringify(result));
  }
} catch (error) {
  console.error(error.message ?? error);
  process.exitCode = 1;
} finally {
  client.dispose();
}
