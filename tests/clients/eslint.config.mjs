// The rules of graphql-eslint for schemas, Relay's among them, over the schema that the server prints.
import graphql from "@graphql-eslint/eslint-plugin";

const rule = (name, ...options) => ({ [`@graphql-eslint/${name}`]: ["error", ...options] });
const off = (name) => ({ [`@graphql-eslint/${name}`]: "off" });

export default [
  {
    files: ["**/*.graphql"],
    plugins: { "@graphql-eslint": graphql },
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: "schema.graphql" } },
    },
    linterOptions: { noInlineConfig: true },
    rules: {
      ...graphql.configs["flat/schema-recommended"].rules,
      ...graphql.configs["flat/schema-relay"].rules,
      ...rule("require-description", {
        types: true,
        rootField: true,
        DirectiveDefinition: true,
        FieldDefinition: true,
        InputValueDefinition: true,
        EnumValueDefinition: true,
        // Of the directives that the specification defines.
        ignoredSelectors: ["[parent.kind=DirectiveDefinition]"],
      }),
      ...rule("input-name", { checkInputType: true, caseSensitiveInputType: false }),
      ...rule("no-scalar-result-type-on-mutation"),
      ...rule("require-nullable-fields-with-oneof"),
      // What has an identity is a `Node`; pages, payloads and parts of an entry have none.
      ...off("strict-id-in-types"),
      // Lists that aren't paged are allowed, and a member has no ID: it is known by its subject.
      ...rule("relay-edge-types", {
        withEdgeSuffix: true,
        shouldImplementNode: false,
        listTypeCanWrapOnlyEdgeType: false,
      }),
    },
  },
];
