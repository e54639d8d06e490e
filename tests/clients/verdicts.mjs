#!/usr/bin/env node
// verdicts.mjs SCHEMA DOCUMENTS: what graphql-js, the reference implementation, makes of each request of a JSON
// list, one JSON line each: "parse", "validate", "operation" or "variables", whichever refuses it, or "run".
import { readFileSync } from "node:fs";
import { buildSchema, getOperationAST, parse, validate } from "graphql";
import { getVariableValues } from "graphql/execution/values.js";

const [schemaFile, documentsFile] = process.argv.slice(2);
if (!documentsFile) {
  console.error("usage: verdicts.mjs SCHEMA DOCUMENTS");
  process.exit(2);
}
const schema = buildSchema(readFileSync(schemaFile, "utf8"));

function verdict({ query, operationName, variables }) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return ["parse", error.message];
  }
  const [error] = validate(schema, document);
  if (error) return ["validate", error.message];
  const operation = getOperationAST(document, operationName);
  if (!operation) return ["operation", operationName ?? ""];
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables ?? {});
  if (errors) return ["variables", errors[0].message];
  return ["run", operation.operation];
}

for (const request of JSON.parse(readFileSync(documentsFile, "utf8"))) {
  console.log(JSON.stringify(verdict(request)));
}
