import type { CodegenConfig } from "@graphql-codegen/cli";

/** Types of the documents in `src`, from the schema that the server prints. */
const config: CodegenConfig = {
  schema: "../../schema.graphql",
  documents: ["src/**/*.{ts,tsx}", "!src/graphql/generated/**"],
  generates: {
    "src/graphql/generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        enumsAsTypes: true,
        useTypeImports: true,
        scalars: { DateTime: "string", BigInt: "string", JSON: "unknown" },
        strictScalars: true,
      },
    },
  },
};

export default config;
