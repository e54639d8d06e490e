import { graphql } from "../graphql/generated";

export const START_BACKUP = graphql(`
  mutation StartBackup($input: StartBackupInput!) {
    startBackup(input: $input) {
      job { ...JobFields }
      userErrors { message path }
    }
  }
`);
