#!/usr/bin/env node
// graphql-sse: everything as streams of events, in distinct connections mode.
import { createClient } from "graphql-sse";
import { authorization, data, documents, url, walk } from "./walk.mjs";

const client = createClient({ url: `${url}/stream`, headers: { authorization } });
const iterate = (name, variables) => client.iterate({ query: documents[name], variables });

await walk({
  ask: async (name, variables) => data((await iterate(name, variables).next()).value),
  async watch(name, variables, take) {
    for await (const result of iterate(name, variables)) if (take(data(result))) return;
  },
  close: () => client.dispose(),
});
