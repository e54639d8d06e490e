import type { JobState } from "../graphql/generated/graphql";
import type { Job } from "./documents";
import { STATES } from "./words";

export function StateBadge({ state }: { state: JobState }) {
  return <span className={`badge badge-${state.toLowerCase()}`}>{STATES[state]}</span>;
}

/** State of a job; a running job that was canceled is shown as stopping. */
export function JobStatus({ job }: { job: Job }) {
  if (job.state === "RUNNING" && job.cancelRequestedAt)
    return <span className="badge badge-denied">Stopping</span>;
  return <StateBadge state={job.state} />;
}
