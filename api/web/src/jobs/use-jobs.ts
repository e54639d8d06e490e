/** All jobs of an organization or the instance, kept up to date by the feed. */
import { useEffect, useState } from "react";
import { useClient } from "urql";
import { explain } from "../graphql/client";
import { JOB_UPDATES, JOBS, type Job, PAGE } from "./documents";

export interface Jobs {
  /** Jobs, newest first; null until they are loaded. */
  jobs: Job[] | null;
  hasMore: boolean;
  error: string | null;
  loadMore: () => void;
  retry: () => void;
  /** Applies the result of a mutation before the feed reports it. */
  put: (job: Job) => void;
}

interface State {
  byId: ReadonlyMap<string, Job>;
  isLoaded: boolean;
  end: string | null;
  hasMore: boolean;
}

const NOTHING: State = { byId: new Map(), isLoaded: false, end: null, hasMore: false };

/** Loads and follows the jobs of an organization, or of the whole instance if it is null. */
export function useJobs(organizationId: string | null): Jobs {
  const client = useClient();
  const [state, setState] = useState(NOTHING);
  const [error, setError] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);

  const put = (...jobs: Job[]) => setState((before) => ({ ...before, byId: merged(before.byId, jobs) }));

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt starts anew
  useEffect(() => {
    setState(NOTHING);
    setError(null);
    /** Number of the update in which the feed last reported each job. */
    const told = new Map<string, number>();
    let updates = 0;
    /** True if finished jobs may be missing, which the start of the feed does not report. */
    let isIncomplete = true;
    let isGone = false;
    const load = async () => {
      const asked = updates;
      const page = await client.query(JOBS, { organizationId, first: PAGE }).toPromise();
      if (isGone) return;
      if (!page.data) {
        isIncomplete = true;
        return setError(page.error ? explain(page.error) : "The server's response was empty.");
      }
      const { nodes, pageInfo } = page.data.jobs;
      // Updates of the feed since the list was requested are newer than the list.
      const older = nodes.filter(({ id }) => (told.get(id) ?? 0) <= asked);
      setState((before) => ({
        byId: merged(before.byId, older),
        isLoaded: true,
        end: pageInfo.endCursor ?? null,
        hasMore: pageInfo.hasNextPage,
      }));
    };
    // Shown at once, without waiting for the feed.
    let listed = load();
    const { unsubscribe } = client.subscription(JOB_UPDATES, { organizationId }).subscribe((result) => {
      if (result.error) return setError(explain(result.error));
      const update = result.data?.jobUpdates;
      updates++;
      // The feed's history begins after the last known event.
      if (update?.type === "GAP") isIncomplete = true;
      // Only a list that is requested after the start of the feed has everything that happened before it.
      if (update?.type === "SYNCED" && isIncomplete) {
        isIncomplete = false;
        // One after the other, since urql gives two concurrent requests the same result.
        listed = listed.then(load);
      }
      const job = update?.job;
      if (!job) return;
      told.set(job.id, updates);
      setState((before) => ({ ...before, byId: merged(before.byId, [job]) }));
    });
    return () => {
      isGone = true;
      unsubscribe();
    };
  }, [client, organizationId, attempt]);

  const loadMore = async () => {
    const { data } = await client.query(JOBS, { organizationId, first: PAGE, after: state.end }).toPromise();
    if (!data) return;
    const { nodes, pageInfo } = data.jobs;
    setState((before) => ({
      byId: merged(
        before.byId,
        nodes.filter(({ id }) => !before.byId.has(id)),
      ),
      isLoaded: true,
      end: pageInfo.endCursor ?? null,
      hasMore: pageInfo.hasNextPage,
    }));
  };

  return {
    jobs: state.isLoaded ? [...state.byId.values()].sort(byAge) : null,
    hasMore: state.hasMore,
    error,
    loadMore: () => void loadMore(),
    retry: () => setAttempt((before) => before + 1),
    put,
  };
}

function merged(before: ReadonlyMap<string, Job>, jobs: Job[]): ReadonlyMap<string, Job> {
  const after = new Map(before);
  for (const job of jobs) after.set(job.id, advanced(before.get(job.id), job));
  return after;
}

/** A transition contains the job's progress at the attempt's start, so keep the progress if it is ahead. */
function advanced(before: Job | undefined, job: Job): Job {
  const isSameAttempt =
    before?.state === "RUNNING" && job.state === "RUNNING" && before.attempt === job.attempt;
  if (!isSameAttempt) return job;
  const [known, told] = [before.progress, job.progress];
  return (known.fraction ?? 0) > (told.fraction ?? 0) ? { ...job, progress: known } : job;
}

function byAge(one: Job, other: Job): number {
  return other.createdAt.localeCompare(one.createdAt) || other.id.localeCompare(one.id);
}
