/** What jobs are called. */
import { count } from "../format/number";
import type { JobErrorCode, JobState } from "../graphql/generated/graphql";
import type { Job } from "./documents";

export const STATES: Record<JobState, string> = {
  QUEUED: "Queued",
  RUNNING: "Running",
  SUCCEEDED: "Succeeded",
  FAILED: "Failed",
  CANCELED: "Canceled",
};

export const REASONS: Record<JobErrorCode, string> = {
  ACCESS_REVOKED: "Access revoked",
  INTERNAL: "Internal error",
  SOURCE_CHANGED: "Source changed",
  STALLED: "Worker stopped answering",
  STORAGE: "Storage",
  TIMEOUT: "Took too long",
};

const FORMATS = {
  CSV: "CSV",
  JSON: "JSON",
  JSONL: "JSON lines",
  MARKDOWN: "Markdown",
  PARQUET: "Parquet",
} as const;

export function title(job: Job): string {
  if (job.__typename === "ExportJob") return `Export as ${FORMATS[job.format]}`;
  return job.scope === "INSTANCE" ? "Backup of the whole instance" : "Backup of the organization";
}

export function requester({ requestedBy }: Job): string {
  return requestedBy.name ?? requestedBy.email ?? requestedBy.id;
}

/** Between its first attempt and its end, in milliseconds; none where it has not come so far. */
export function runtime(job: Job): number | null {
  if (!job.startedAt || !job.finishedAt) return null;
  return Date.parse(job.finishedAt) - Date.parse(job.startedAt);
}

export function progressText({ progress: { done, total } }: Job): string {
  return total ? `${count(done)} of ${count(total)} records` : `${count(done)} records`;
}
