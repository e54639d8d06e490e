#!/usr/bin/env node
// types.mjs SCHEMA DOCUMENTS FOLDER: writes what graphql-codegen makes of SCHEMA and of the documents in the JSON
// array DOCUMENTS, schema.ts and documents.ts, into FOLDER.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codegen } from "@graphql-codegen/core";
import * as typescript from "@graphql-codegen/typescript";
import * as operations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const [schema, texts, folder] = process.argv.slice(2);
const documents = JSON.parse(readFileSync(texts, "utf8"));
const common = {
  schema: parse(readFileSync(schema, "utf8")),
  documents: documents.map((text, at) => ({ location: `${at}`, document: parse(text) })),
  config: {
    strictScalars: true,
    enumsAsTypes: true,
    scalars: { DateTime: "string", BigInt: "string", JSON: "unknown" },
  },
};
for (const [filename, plugin] of Object.entries({ "schema.ts": typescript, "documents.ts": operations })) {
  const made = await codegen({ ...common, filename, plugins: [{ plugin: {} }], pluginMap: { plugin } });
  writeFileSync(join(folder, filename), made);
}
