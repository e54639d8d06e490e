import { graphql } from "../graphql/generated";

export const START_EXPORT = graphql(`
  mutation StartExport($input: StartExportInput!) {
    startExport(input: $input) {
      job { ...JobFields }
      userErrors { message path }
    }
  }
`);
