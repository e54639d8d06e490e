/** Display texts of jobs. */
import { count, plural } from "../format/number";
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
  STALLED: "Worker stopped responding",
  STORAGE: "Storage error",
  TIMEOUT: "Took too long",
};

const FORMATS = {
  CSV: "CSV",
  JSON: "JSON",
  JSONL: "JSON Lines",
  MARKDOWN: "Markdown",
  PARQUET: "Parquet",
  XLSX: "Excel",
} as const;

export function title(job: Job): string {
  if (job.__typename === "ExportJob") return `Export as ${FORMATS[job.format]}`;
  return job.scope === "INSTANCE" ? "Backup of the whole instance" : "Backup of the organization";
}

export function requester({ requestedBy }: Job): string {
  return requestedBy.name ?? requestedBy.email ?? requestedBy.externalId;
}

/** Time between a job's first attempt and its end, in milliseconds; null if it has not ended. */
export function runtime(job: Job): number | null {
  if (!job.startedAt || !job.finishedAt) return null;
  return Date.parse(job.finishedAt) - Date.parse(job.startedAt);
}

/** Progress as a text; for a backup its phase, since its units are not records. */
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
      return "Verifying: restoring into an empty database";
    case "compare":
      return "Verifying: comparing every table";
    default:
      return "Starting";
  }
}

type Unavailable = Exclude<ArtifactAvailability, "AVAILABLE">;

/** Short reason why a file can't be downloaded. */
export const UNAVAILABLE: Record<Unavailable, string> = {
  EXPIRED: "File expired",
  REMOVED: "File removed",
  NOT_ALLOWED: "File not available to your role",
  ON_HOST: "File on the host",
};

/** Full reason why a file can't be downloaded. */
export const WHY_UNAVAILABLE: Record<Unavailable, string> = {
  EXPIRED: "The file has expired. Start a new job to create a new file.",
  REMOVED: "The file was removed from the store before it expired. Start a new job to create a new file.",
  NOT_ALLOWED: "Your role allows you to see this job, but not to download its file.",
  ON_HOST: "Download a backup of the whole instance on the host, with daybook backup download.",
};

/** Warning about values that are too long for a cell of a spreadsheet; null if there are none. */
export function longCells(job: Job): string | null {
  if (job.__typename !== "ExportJob" || !job.longCells || Number(job.longCells) === 0) return null;
  const some = `${plural(job.longCells, "value")} with more than 32,767 characters`;
  return job.format === "XLSX"
    ? `${some}, in full on the sheet “Long values”.`
    : `${some}: Excel and LibreOffice cut off or split such cells of a CSV file.`;
}

/** Reason why a job has no file. */
export function whyNoFile(state: JobState): string {
  const isOver = state === "FAILED" || state === "CANCELED";
  return isOver ? "The job ended without a file." : "The job has not finished, so there is no file yet.";
}
