import { useState } from "react";
import { useClient } from "urql";
import { Button } from "../controls/button";
import { EmptyState, ErrorState } from "../controls/states";
import { plural } from "../format/number";
import { explain } from "../graphql/client";
import { newKey } from "../graphql/idempotency";
import type { Job } from "../jobs/documents";
import { JobDetail } from "../jobs/job-detail";
import { JobList } from "../jobs/job-list";
import { JobsSkeleton } from "../jobs/skeleton";
import { useJobs } from "../jobs/use-jobs";
import { navigate, useQueryString } from "../routing/router";
import { START_BACKUP } from "./documents";

/** The backups of an organization, or of the whole instance if it is null. */
export default function BackupsPage({ organizationId }: { organizationId: string | null }) {
  const { jobs, error, hasMore, loadMore, retry, put } = useJobs(organizationId);
  const reader = organizationId === null ? "OPERATOR" : "ADMIN";
  const { problem, isBusy, start } = useStart(organizationId, put);
  const opened = new URLSearchParams(useQueryString()).get("job");
  const backups = jobs?.filter(({ kind }) => kind === "BACKUP");
  return (
    <div className="page">
      <header className="page-header">
        <div>
          <h1>Backups</h1>
          <p className="page-lead">{backups ? plural(backups.length, "backup") : "\u00a0"}</p>
        </div>
        <Button variant="primary" icon="plus" isPending={isBusy} onPress={start}>
          Back up now
        </Button>
      </header>
      {problem && (
        <p className="notice notice-error" role="alert">
          {problem}
        </p>
      )}
      {organizationId === null && (
        <p className="notice">
          A backup of the whole instance contains every organization’s data. You can only download its file on
          the host, with <code>daybook backup list</code> and <code>daybook backup download</code>. The log of
          each organization in it records the download.
        </p>
      )}
      {error && !backups && <ErrorState message={error} onRetry={retry} />}
      {!error && !backups && <JobsSkeleton />}
      {backups?.length === 0 && (
        <EmptyState icon="backups" title="No backups yet">
          <p>
            A backup is one snapshot as SQL. Before it counts as done, it is restored into an empty database
            and compared table by table.
          </p>
        </EmptyState>
      )}
      {backups && backups.length > 0 && (
        <JobList
          jobs={backups}
          reader={reader}
          hrefOf={({ id }) => `${location.pathname}?job=${encodeURIComponent(id)}`}
          onJob={put}
          isEverywhere={organizationId === null}
        />
      )}
      {hasMore && <Button onPress={loadMore}>Load older backups</Button>}
      {opened && (
        <JobDetail
          id={opened}
          live={jobs?.find(({ id }) => id === opened)}
          reader={reader}
          onJob={put}
          onClose={() => navigate(location.pathname, { replace: true })}
        />
      )}
    </div>
  );
}

function useStart(organizationId: string | null, onJob: (job: Job) => void) {
  const client = useClient();
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const start = async () => {
    setBusy(true);
    const input = { organizationId, verify: true, idempotencyKey: newKey() };
    const { data, error } = await client.mutation(START_BACKUP, { input }).toPromise();
    setBusy(false);
    const refused = data?.startBackup.userErrors.map(({ message }) => message).join("; ");
    setProblem(error ? explain(error) : refused || null);
    if (data?.startBackup.job) onJob(data.startBackup.job);
  };
  return { problem, isBusy, start };
}
