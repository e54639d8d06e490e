import { useEffect, useState } from "react";
import { useClient, useQuery } from "urql";
import { Button } from "../controls/button";
import { Overlay } from "../controls/dialog";
import { START_EXPORT } from "../exports/documents";
import { explain } from "../graphql/client";
import { newKey } from "../graphql/idempotency";
import { type ExportJob, isFinal, JOB } from "../jobs/documents";
import { JobActions } from "../jobs/job-actions";
import { JobStatus } from "../jobs/job-state";
import { Progress } from "../jobs/progress";
import type { Reader } from "../jobs/rights";
import type { Workspace } from "./documents";

const POLL_INTERVAL_MS = 1_000;

interface ExportNotesProps {
  organizationId: string;
  workspace: Workspace;
  reader: Reader;
}

/** Exports a workspace as a ZIP of Markdown files. */
export function ExportNotes({ organizationId, workspace, reader }: ExportNotesProps) {
  const client = useClient();
  const [job, setJob] = useState<ExportJob | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const start = async () => {
    const source = { notes: { workspaceId: workspace.id } };
    const input = { organizationId, source, format: "MARKDOWN" as const, idempotencyKey: newKey() };
    const { data, error } = await client.mutation(START_EXPORT, { input }).toPromise();
    const refused = data?.startExport.userErrors[0]?.message;
    setProblem(error ? explain(error) : (refused ?? null));
    if (data?.startExport.job) setJob(data.startExport.job);
  };
  const close = () => {
    setJob(null);
    setProblem(null);
  };
  return (
    <>
      <Button icon="exports" onPress={start}>
        Export
      </Button>
      <Overlay title={`Export ${workspace.name}`} isOpen={job !== null || problem !== null} onClose={close}>
        <div className="dialog-content">
          {job && <Following job={job} reader={reader} />}
          {problem && (
            <p className="notice notice-error" role="alert">
              {problem}
            </p>
          )}
        </div>
      </Overlay>
    </>
  );
}

/** Follows the job until it ends. Polls, since members can't subscribe to the organization's jobs. */
function Following({ job, reader }: { job: ExportJob; reader: Reader }) {
  const [{ data, fetching }, reload] = useQuery({ query: JOB, variables: { id: job.id } });
  const now = data?.job ?? job;
  const isOver = isFinal(now);
  useEffect(() => {
    if (isOver || fetching) return;
    const timer = setTimeout(reload, POLL_INTERVAL_MS);
    return () => clearTimeout(timer);
  }, [isOver, fetching, reload]);
  return (
    <section className="started" aria-label="Progress" aria-live="polite">
      <JobStatus job={now} />
      <Progress job={now} />
      {now.error && <p className="notice notice-error">{now.error.message}</p>}
      <JobActions job={now} reader={reader} onJob={reload} />
    </section>
  );
}
