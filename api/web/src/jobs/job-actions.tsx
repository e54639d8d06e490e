import { useState } from "react";
import { useClient } from "urql";
import { Button } from "../controls/button";
import { explain } from "../graphql/client";
import { CANCEL, DOWNLOAD, isFinal, type Job, RETRY } from "./documents";
import { mayDecide, type Reader } from "./rights";
import { longCells, UNAVAILABLE, WHY_UNAVAILABLE, whyNoFile } from "./words";

interface JobActionsProps {
  job: Job;
  /** Role of the user, which decides on the offered actions. */
  reader: Reader;
  onJob: (job: Job) => void;
}

/** The actions that a job's state permits, and the error of a failed action. */
export function JobActions({ job, reader, onJob }: JobActionsProps) {
  const client = useClient();
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const attempt = (work: () => Promise<string | null | undefined>) => async () => {
    setBusy(true);
    setProblem((await work()) ?? null);
    setBusy(false);
  };
  const cancel = attempt(async () => {
    const { data, error } = await client.mutation(CANCEL, { input: { jobId: job.id } }).toPromise();
    if (data?.cancelJob.job) onJob(data.cancelJob.job);
    return error ? explain(error) : data?.cancelJob.userErrors[0]?.message;
  });
  const retry = attempt(async () => {
    const { data, error } = await client.mutation(RETRY, { input: { jobId: job.id } }).toPromise();
    if (data?.retryJob.job) onJob(data.retryJob.job);
    return error ? explain(error) : data?.retryJob.userErrors[0]?.message;
  });
  const download = attempt(async () => {
    const { data, error } = await client.query(DOWNLOAD, { id: job.id }).toPromise();
    if (error || !data?.job) return error ? explain(error) : "The job no longer exists.";
    const { state, artifact } = data.job;
    if (!artifact) return whyNoFile(state);
    // The server sends the file as an attachment, so the page stays.
    if (artifact.downloadUrl) location.assign(artifact.downloadUrl);
    else if (artifact.availability === "AVAILABLE")
      return "The server returned no link to the file. Try again.";
    else return WHY_UNAVAILABLE[artifact.availability];
    return null;
  });
  const warning = longCells(job);
  const mayManage = mayDecide(reader, job);
  const availability = job.artifact?.availability;
  const isCancelable = !isFinal(job) && !job.cancelRequestedAt;
  const isRepeatable = job.state === "FAILED" || job.state === "CANCELED";
  return (
    <div className="job-actions">
      {availability === "AVAILABLE" && (
        <Button size="small" variant="primary" icon="download" isPending={isBusy} onPress={download}>
          Download
        </Button>
      )}
      {availability === "AVAILABLE" && warning && <span className="muted job-warning">{warning}</span>}
      {availability && availability !== "AVAILABLE" && (
        <span className="badge" title={WHY_UNAVAILABLE[availability]}>
          {UNAVAILABLE[availability]}
        </span>
      )}
      {mayManage && isCancelable && (
        <Button size="small" icon="stop" isPending={isBusy} onPress={cancel}>
          Cancel
        </Button>
      )}
      {mayManage && isRepeatable && (
        <Button size="small" icon="retry" isPending={isBusy} onPress={retry}>
          Retry
        </Button>
      )}
      {problem && (
        <span className="field-error" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}
