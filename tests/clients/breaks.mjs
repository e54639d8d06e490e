#!/usr/bin/env node
// breaks.mjs RELEASED SCHEMA: prints what of SCHEMA breaks a client of RELEASED, as graphql-inspector sees it, one
// a line.
import { readFileSync } from "node:fs";
import { CriticalityLevel, diff } from "@graphql-inspector/core";
import { buildSchema } from "graphql";

const [released, schema] = process.argv.slice(2).map((path) => buildSchema(readFileSync(path, "utf8")));
for (const { criticality, path, message } of await diff(released, schema)) {
  if (criticality.level === CriticalityLevel.Breaking) console.log(`${path}: ${message}`);
}
