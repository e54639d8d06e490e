import { graphql } from "../graphql/generated";
import type { EntryRowFragment } from "../graphql/generated/graphql";

export type Entry = EntryRowFragment;

export const ENTRY_ROW = graphql(`
  fragment EntryRow on AuditLog {
    id
    sequence
    timestamp
    action
    outcome
    actor { externalId type name email }
    resource { type externalId name }
  }
`);

export const ENTRIES = graphql(`
  query Entries($organizationId: ID!, $filter: AuditLogFilter, $orderBy: AuditLogOrder, $after: String) {
    auditLogs(organizationId: $organizationId, filter: $filter, orderBy: $orderBy, first: 100, after: $after) {
      edges { cursor node { ...EntryRow } }
      pageInfo { hasNextPage endCursor }
      tailCursor
    }
  }
`);

export const TOTAL = graphql(`
  query Total($organizationId: ID!, $filter: AuditLogFilter) {
    auditLogs(organizationId: $organizationId, filter: $filter, first: 1) { totalCount }
  }
`);

export const RECORDED = graphql(`
  subscription Recorded($organizationId: ID!, $filter: AuditLogFilter, $after: String) {
    auditLogRecorded(organizationId: $organizationId, filter: $filter, after: $after) {
      cursor
      node { ...EntryRow }
    }
  }
`);

export const HISTOGRAM = graphql(`
  query Histogram($organizationId: ID!, $filter: AuditLogFilter, $buckets: Int!) {
    auditLogHistogram(organizationId: $organizationId, filter: $filter, buckets: $buckets) {
      from
      to
      count
      capped
    }
  }
`);

export const VALUES = graphql(`
  query Values($organizationId: ID!, $facet: AuditLogFacet!, $prefix: String!) {
    auditLogValues(organizationId: $organizationId, facet: $facet, prefix: $prefix, first: 50)
  }
`);

export const ENTRY = graphql(`
  query Entry($id: ID!) {
    auditLog(id: $id) {
      id
      sequence
      timestamp
      recordedAt
      clockSkewed
      recordedBy
      hash
      action
      outcome
      actor { externalId type name email }
      onBehalfOf { externalId type name email }
      resource { type externalId name }
      relatedResources { type externalId name }
      changes { field old new }
      metadata { ipAddress userAgent requestId extra }
    }
  }
`);
