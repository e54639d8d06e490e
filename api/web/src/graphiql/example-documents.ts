/** Example documents for GraphiQL. */

export interface Example {
  name: string;
  text: string;
  document: string;
  variables?: (organizationId: string) => Record<string, unknown>;
}

const organization = (organizationId: string) => ({ organizationId });

export const EXAMPLES: Example[] = [
  {
    name: "Who am I?",
    text: "Your subject, organizations and roles",
    document: `{
  viewer {
    subject
    email
    isOperator
    memberships {
      role
      organization { id slug name }
    }
  }
}
`,
  },
  {
    name: "Query the log",
    text: "The newest entries, filtered by action prefix",
    document: `query Entries($organizationId: ID!) {
  auditLogs(organizationId: $organizationId, filter: { action: "device.*" }, first: 10) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes {
      sequence
      timestamp
      actor { name email }
      action
      outcome
      resource { type name externalId }
    }
  }
}
`,
    variables: organization,
  },
  {
    name: "Watch the log",
    text: "A subscription that delivers entries as they are recorded",
    document: `subscription Recorded($organizationId: ID!) {
  auditLogRecorded(organizationId: $organizationId) {
    cursor
    node { sequence action actor { externalId } resource { type externalId } }
  }
}
`,
    variables: organization,
  },
  {
    name: "Record an entry",
    text: "A mutation; with the same key it can be repeated safely",
    document: `mutation Record($input: RecordAuditLogsInput!) {
  recordAuditLogs(input: $input) {
    replayed
    auditLogs { id sequence hash }
    userErrors { code message path }
  }
}
`,
    variables: (organizationId) => ({
      input: {
        organizationId,
        idempotencyKey: "graphiql-1",
        entries: [
          {
            actor: { id: "ada", email: "ada@acme.test", name: "Ada Lovelace" },
            action: "device.assign",
            resource: { type: "device", id: "device-7", name: "Laptop 7" },
            changes: [{ field: "owner", old: null, new: "ada" }],
          },
        ],
      },
    }),
  },
  {
    name: "Start an export",
    text: "A job that writes the log to a file",
    document: `mutation Export($input: StartExportInput!) {
  startExport(input: $input) {
    job { id state recordsMatched artifact { fileName sizeBytes downloadUrl } }
    userErrors { code message path }
  }
}
`,
    variables: (organizationId) => ({ input: { organizationId, format: "CSV", source: { auditLogs: {} } } }),
  },
  {
    name: "Watch jobs",
    text: "A subscription that delivers every transition, in order",
    document: `subscription Jobs($organizationId: ID!) {
  jobUpdates(organizationId: $organizationId) {
    type
    cursor
    previousState
    job { id kind state progress { done total fraction } }
  }
}
`,
    variables: organization,
  },
];
