import { useState } from "react";
import { Button } from "../controls/button";
import { EmptyState, ErrorState } from "../controls/states";
import { plural } from "../format/number";
import { JobDetail } from "../jobs/job-detail";
import { JobList } from "../jobs/job-list";
import { JobsSkeleton } from "../jobs/skeleton";
import { useJobs } from "../jobs/use-jobs";
import { navigate, useQueryString } from "../routing/router";
import { may } from "../session/abilities";
import type { Membership } from "../session/viewer";
import ExportDialog from "./export-dialog";

/** The exports of an organization, with a button to start a new one. */
export default function ExportsPage({ membership: { organization, role } }: { membership: Membership }) {
  const { jobs, error, hasMore, loadMore, retry, put } = useJobs(organization.id);
  const [isStarting, setStarting] = useState(false);
  const opened = new URLSearchParams(useQueryString()).get("job");
  const exports = jobs?.filter(({ kind }) => kind === "EXPORT");
  const mayManage = may(role, "export");
  return (
    <div className="page">
      <header className="page-header">
        <div>
          <h1>Exports</h1>
          <p className="page-lead">{exports ? plural(exports.length, "export") : "\u00a0"}</p>
        </div>
        {mayManage && (
          <Button variant="primary" icon="plus" onPress={() => setStarting(true)}>
            New export
          </Button>
        )}
      </header>
      {error && !exports && <ErrorState message={error} onRetry={retry} />}
      {!error && !exports && <JobsSkeleton />}
      {exports?.length === 0 && (
        <EmptyState icon="exports" title="No exports yet">
          <p>An export is a file with the log at one moment, and a manifest to verify it.</p>
          <p>Start one here, or filter the audit log and export the result.</p>
        </EmptyState>
      )}
      {exports && exports.length > 0 && (
        <JobList
          jobs={exports}
          reader={role}
          hrefOf={({ id }) => `${location.pathname}?job=${encodeURIComponent(id)}`}
          onJob={put}
        />
      )}
      {hasMore && <Button onPress={loadMore}>Load older exports</Button>}
      {isStarting && (
        <ExportDialog
          organizationId={organization.id}
          reader={role}
          filter={{}}
          orderBy="RECORDED_DESC"
          onClose={() => setStarting(false)}
        />
      )}
      {opened && (
        <JobDetail
          id={opened}
          live={jobs?.find(({ id }) => id === opened)}
          reader={role}
          onJob={put}
          onClose={() => navigate(location.pathname, { replace: true })}
        />
      )}
    </div>
  );
}
