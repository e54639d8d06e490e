import { Button } from "../controls/button";
import { EmptyState, ErrorState } from "../controls/states";
import { plural } from "../format/number";
import type { JobState } from "../graphql/generated/graphql";
import { navigate, useQueryString } from "../routing/router";
import { Durations, Failures, Throughput } from "./charts";
import { type Job, PAGE } from "./documents";
import { JobDetail } from "./job-detail";
import { JobList } from "./job-list";
import type { Reader } from "./rights";
import { JobsSkeleton } from "./skeleton";
import { useJobs } from "./use-jobs";
import { STATES } from "./words";

interface JobsPageProps {
  /** Null for the whole instance. */
  organizationId: string | null;
  reader: Reader;
}

/** All jobs of an organization or the instance, live. */
export default function JobsPage({ organizationId, reader }: JobsPageProps) {
  const { jobs, error, hasMore, loadMore, retry, put } = useJobs(organizationId);
  const parameters = new URLSearchParams(useQueryString());
  const state = parameters.get("state");
  const opened = parameters.get("job");
  const href = (changes: Record<string, string | null>) => {
    const next = new URLSearchParams(parameters);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) next.delete(name);
      else next.set(name, value);
    }
    return `${location.pathname}${next.size ? `?${next}` : ""}`;
  };
  const shown = jobs?.filter((job) => state === null || job.state === state) ?? [];
  return (
    <div className="page">
      <header className="page-header">
        <div>
          <h1>Jobs</h1>
          <p className="page-lead">{jobs ? lead(jobs, hasMore) : "\u00a0"}</p>
        </div>
      </header>
      {error && !jobs && <ErrorState message={error} onRetry={retry} />}
      {!error && !jobs && <JobsSkeleton />}
      {jobs && (
        <>
          <StateFilter jobs={jobs} state={state} onChoose={(next) => navigate(href({ state: next }))} />
          <div className="charts">
            <Throughput jobs={jobs} />
            <Durations jobs={jobs} />
            <Failures jobs={jobs} />
          </div>
          {shown.length > 0 ? (
            <JobList
              jobs={shown}
              reader={reader}
              hrefOf={(job: Job) => href({ job: job.id })}
              onJob={put}
              isEverywhere={organizationId === null}
            />
          ) : (
            <EmptyState icon="jobs" title={jobs.length ? "No job in this state" : "No jobs yet"}>
              <p>
                {jobs.length
                  ? "Choose another state above."
                  : "Exports and backups appear here as soon as you start them."}
              </p>
            </EmptyState>
          )}
          {hasMore && <Button onPress={loadMore}>Load older jobs</Button>}
        </>
      )}
      {opened && (
        <JobDetail
          id={opened}
          live={jobs?.find(({ id }) => id === opened)}
          reader={reader}
          onJob={put}
          onClose={() => navigate(href({ job: null }), { replace: true })}
        />
      )}
    </div>
  );
}

interface StateFilterProps {
  jobs: Job[];
  state: string | null;
  onChoose: (state: string | null) => void;
}

/** Number of jobs in each state; choosing a state shows only its jobs. */
function StateFilter({ jobs, state, onChoose }: StateFilterProps) {
  return (
    <div className="tiles" role="group" aria-label="Filter by state">
      {(Object.keys(STATES) as JobState[]).map((one) => (
        <button
          key={one}
          type="button"
          className={`tile tile-${one.toLowerCase()}`}
          aria-pressed={state === one}
          onClick={() => onChoose(state === one ? null : one)}
        >
          <span className="tile-count">{jobs.filter((job) => job.state === one).length}</span>
          <span className="tile-name">{STATES[one]}</span>
        </button>
      ))}
    </div>
  );
}

function lead(jobs: Job[], hasMore: boolean): string {
  return hasMore
    ? `The newest ${Math.max(PAGE, jobs.length)} jobs, live`
    : `${plural(jobs.length, "job")}, live`;
}
