import type { JobState } from "../graphql/generated/graphql";
import type { Job } from "./documents";
import { STATES } from "./words";

export function StateBadge({ state }: { state: JobState }) {
  return <span className={`badge badge-${state.toLowerCase()}`}>{STATES[state]}</span>;
}

/** The state as people ask for it: a running job that is to stop is stopping. */
export function JobStatus({ job }: { job: Job }) {
  if (job.state === "RUNNING" && job.cancelRequestedAt)
    return <span className="badge badge-denied">Stopping</span>;
  return <StateBadge state={job.state} />;
}
