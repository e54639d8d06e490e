#!/usr/bin/env node
// Normalizing caches with default settings: what each holds of a query has to be what the server answered.
// Takes URL TOKEN ORGANIZATION_ID; prints a JSON object with the answer itself and what each client read back
// from its cache, and exits 0; or 1, with the reason on standard error.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { Client, fetchExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import relay from "relay-runtime";
import Caches from "./relay/__generated__/documentsCachesQuery.graphql.js";

const [url, token, organizationId] = process.argv.slice(2);
if (!organizationId) {
  console.error("usage: caches.mjs URL TOKEN ORGANIZATION_ID");
  process.exit(2);
}
const headers = { authorization: `Bearer ${token}` };
const query = Caches.params.text;
const variables = { organizationId };

async function ask(document, given) {
  const body = JSON.stringify({ query: document, variables: given });
  const options = { method: "POST", headers: { ...headers, "content-type": "application/json" }, body };
  return (await fetch(url, options)).json();
}

async function apollo() {
  const client = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: url, headers }) });
  const options = { query: gql(query), variables };
  await client.query(options);
  return client.readQuery(options);
}

async function graphcache() {
  const client = new Client({ url, fetchOptions: { headers }, exchanges: [cacheExchange(), fetchExchange] });
  const first = await client.query(query, variables).toPromise();
  if (first.error) throw first.error;
  // Everything is in the cache; nothing else answers.
  const again = await client.query(query, variables, { requestPolicy: "cache-only" }).toPromise();
  return again.data;
}

async function relayStore() {
  const { Environment, Network, RecordSource, Store } = relay;
  const network = Network.create(({ text }, given) => ask(text, given));
  const environment = new Environment({ network, store: new Store(new RecordSource()) });
  await relay.fetchQuery(environment, Caches, variables).toPromise();
  const operation = relay.createOperationDescriptor(Caches, variables);
  return environment.lookup(operation.fragment).data;
}

const answer = (await ask(query, variables)).data;
console.log(JSON.stringify({ answer, apollo: await apollo(), graphcache: await graphcache(), relay: await relayStore() }));
process.exit(0);
