/** All jobs of a place, as they are at each moment. */
import { useEffect, useState } from "react";
import { useClient } from "urql";
import { explain } from "../graphql/client";
import { JOB_UPDATES, JOBS, type Job, PAGE } from "./documents";

export interface Jobs {
  /** Newest first; null until they are known. */
  jobs: Job[] | null;
  hasMore: boolean;
  error: string | null;
  loadMore: () => void;
  retry: () => void;
  /** Takes over what a mutation answered, before the feed tells of it. */
  put: (job: Job) => void;
}

interface State {
  byId: ReadonlyMap<string, Job>;
  isLoaded: boolean;
  end: string | null;
  hasMore: boolean;
}

const NOTHING: State = { byId: new Map(), isLoaded: false, end: null, hasMore: false };

/** Of an organization; without one, of the whole instance. */
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
    /** When the feed told of a job, in updates. */
    const told = new Map<string, number>();
    let updates = 0;
    /** Whether finished jobs may be unknown, of which the feed's beginning does not tell. */
    let isIncomplete = true;
    let isGone = false;
    const load = async () => {
      const asked = updates;
      const page = await client.query(JOBS, { organizationId, first: PAGE }).toPromise();
      if (isGone) return;
      if (!page.data) {
        isIncomplete = true;
        return setError(page.error ? explain(page.error) : "The answer was empty.");
      }
      const { nodes, pageInfo } = page.data.jobs;
      // What the feed told since the list was asked for is newer than what the list says.
      const older = nodes.filter(({ id }) => (told.get(id) ?? 0) <= asked);
      setState((before) => ({
        byId: merged(before.byId, older),
        isLoaded: true,
        end: pageInfo.endCursor ?? null,
        hasMore: pageInfo.hasNextPage,
      }));
    };
    // For the eye, which need not wait for the feed.
    let listed = load();
    const { unsubscribe } = client.subscription(JOB_UPDATES, { organizationId }).subscribe((result) => {
      if (result.error) return setError(explain(result.error));
      const update = result.data?.jobUpdates;
      updates++;
      // The feed's history begins after what was known.
      if (update?.type === "GAP") isIncomplete = true;
      // Only a list that is asked for after the feed's beginning has all that happened before it.
      if (update?.type === "SYNCED" && isIncomplete) {
        isIncomplete = false;
        // One after the other: urql answers two that are asked for at once alike.
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

/** A transition tells of its job as it began; what is known of the attempt's progress stays. */
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
