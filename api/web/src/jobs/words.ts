/** What jobs are called. */
import { count } from "../format/number";
import type { ArtifactAvailability, JobErrorCode, JobState } from "../graphql/generated/graphql";
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

/** Of a backup its phase, since its units are no records. */
export function progressText({ __typename, progress: { phase, done, total } }: Job): string {
  if (__typename === "BackupJob") return phaseText(phase ?? "");
  return total ? `${count(done)} of ${count(total)} records` : `${count(done)} records`;
}

function phaseText(phase: string): string {
  const [name, table] = phase.split(" ");
  switch (name) {
    case "write":
      return `Writing ${table}`;
    case "restore":
      return "Verifying: restoring it into an empty database";
    case "compare":
      return "Verifying: comparing every table";
    default:
      return "Starting";
  }
}

type Unavailable = Exclude<ArtifactAvailability, "AVAILABLE">;

/** Why a file can't be downloaded, in a word. */
export const UNAVAILABLE: Record<Unavailable, string> = {
  EXPIRED: "File expired",
  REMOVED: "File removed",
  NOT_ALLOWED: "File not for your role",
  ON_HOST: "File on the host",
};

/** The same, in a sentence. */
export const WHY_UNAVAILABLE: Record<Unavailable, string> = {
  EXPIRED: "The file has expired; a new job makes a new one.",
  REMOVED: "The file was removed from the store before it expired; a new job makes a new one.",
  NOT_ALLOWED: "Your role allows you to see this job, but not to download its file.",
  ON_HOST: "A backup of the whole instance is downloaded on the host, by daybook backup download.",
};

/** Why a job that has no file has none. */
export function whyNoFile(state: JobState): string {
  const isOver = state === "FAILED" || state === "CANCELED";
  return isOver ? "The job has ended without a file." : "The file is not there yet: the job is not done.";
}
