import { graphql } from "../graphql/generated";

/** Size of an export, and how many more may be started. */
export const ESTIMATE = graphql(`
  query Estimate($organizationId: ID!, $source: ExportSource!) {
    exportEstimate(organizationId: $organizationId, source: $source) { recordCount pieces }
    organization(id: $organizationId) { exportQuota { limit remaining resetsAt } }
  }
`);

export const START_EXPORT = graphql(`
  mutation StartExport($input: StartExportInput!) {
    startExport(input: $input) {
      job { ...JobFields }
      userErrors { message path }
    }
  }
`);
