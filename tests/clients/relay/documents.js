// What Relay's compiler makes artifacts of; the code here never runs. `relay.mjs` imports them.
import { graphql } from "relay-runtime";

graphql`
  fragment documentsEntry on AuditLog @refetchable(queryName: "documentsEntryRefetch") {
    id
    action
    actor {
      externalId
      email
    }
    recordedAt
  }
`;

graphql`
  query documentsEntriesQuery($organizationId: ID!, $first: Int!, $after: String) {
    auditLogs(
      organizationId: $organizationId
      orderBy: RECORDED_ASC
      first: $first
      after: $after
    ) @connection(key: "Log_auditLogs", filters: ["organizationId", "orderBy"]) {
      edges {
        node {
          action
          ...documentsEntry
        }
      }
    }
  }
`;

graphql`
  fragment documentsWorkspaces on Organization
  @refetchable(queryName: "documentsWorkspacesRefetch")
  @argumentDefinitions(first: { type: "Int", defaultValue: 10 }, after: { type: "String" }) {
    workspaces(first: $first, after: $after) @connection(key: "Organization_workspaces") {
      edges {
        node {
          name
        }
      }
    }
  }
`;

graphql`
  query documentsOrganizationQuery($id: ID!) {
    node(id: $id) {
      __typename
      ...documentsWorkspaces @alias(as: "workspaces")
    }
  }
`;

graphql`
  mutation documentsRecordMutation($input: RecordAuditLogsInput!) {
    recordAuditLogs(input: $input) {
      auditLogs {
        action
        ...documentsEntry
      }
      userErrors {
        code
        message
      }
    }
  }
`;

graphql`
  mutation documentsExportMutation($input: StartExportInput!) {
    startExport(input: $input) {
      job {
        id
        state
      }
      userErrors {
        code
        message
      }
    }
  }
`;

graphql`
  subscription documentsUpdatesSubscription($organizationId: ID!, $jobId: ID!) {
    jobUpdates(organizationId: $organizationId, jobId: $jobId) {
      type
      cursor
      job {
        id
        state
      }
    }
  }
`;

graphql`
  query documentsArtifactQuery($jobId: ID!) {
    job(id: $jobId) {
      artifact {
        downloadUrl
        sha256
      }
    }
  }
`;

graphql`
  query documentsCachesQuery($organizationId: ID!) {
    auditLogs(organizationId: $organizationId, first: 50) {
      nodes {
        id
        action
        actor {
          externalId
          type
          email
          name
        }
        onBehalfOf {
          externalId
          type
          email
          name
        }
        resource {
          type
          externalId
          name
        }
        relatedResources {
          type
          externalId
          name
        }
      }
    }
    jobs(organizationId: $organizationId, first: 10) {
      nodes {
        id
        requestedBy {
          externalId
          type
          email
          name
        }
      }
    }
  }
`;
