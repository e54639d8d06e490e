import { graphql } from "../graphql/generated";
import type { JobFieldsFragment, JobState } from "../graphql/generated/graphql";

export type Job = JobFieldsFragment;
export type BackupJob = Extract<Job, { __typename: "BackupJob" }>;
export type ExportJob = Extract<Job, { __typename: "ExportJob" }>;

/** Number of jobs per page; charts and counts cover the newest ones. */
export const PAGE = 100;

export const FINAL: readonly JobState[] = ["SUCCEEDED", "FAILED", "CANCELED"];

export const isFinal = (job: Job) => FINAL.includes(job.state);

/** Does not request the download link, since the log records each link that is handed out. */
export const JOB_FIELDS = graphql(`
  fragment JobFields on Job {
    __typename
    id
    kind
    state
    createdAt
    startedAt
    finishedAt
    attempt
    maxAttempts
    cancelRequestedAt
    organization { id slug name }
    requestedBy { externalId name email }
    progress { phase done total fraction }
    error { code message retryable }
    retryOf { id }
    artifact { fileName contentType sizeBytes sha256 recordCount expiresAt availability }
    ... on ExportJob { format compression recordsMatched truncated continuation longCells }
    ... on BackupJob {
      scope
      tables { name rows bytes checksum }
      verification { ok verifiedAt restoredRows message }
    }
  }
`);

export const JOBS = graphql(`
  query Jobs($organizationId: ID, $after: String, $first: Int!) {
    jobs(organizationId: $organizationId, after: $after, first: $first) {
      nodes { ...JobFields }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const JOB_UPDATES = graphql(`
  subscription JobUpdates($organizationId: ID, $after: String) {
    jobUpdates(organizationId: $organizationId, after: $after) {
      type
      cursor
      job { ...JobFields }
    }
  }
`);

export const JOB = graphql(`
  query Job($id: ID!) {
    job(id: $id) {
      ...JobFields
      transitions { cursor from to at attempt reason }
      artifact { manifest }
    }
  }
`);

export const DOWNLOAD = graphql(`
  query Download($id: ID!) {
    job(id: $id) { state artifact { downloadUrl availability } }
  }
`);

export const CANCEL = graphql(`
  mutation Cancel($input: CancelJobInput!) {
    cancelJob(input: $input) { job { ...JobFields } userErrors { message } }
  }
`);

export const RETRY = graphql(`
  mutation Retry($input: RetryJobInput!) {
    retryJob(input: $input) { job { ...JobFields } userErrors { message } }
  }
`);
