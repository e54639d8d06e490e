import { useState } from "react";
import { useClient } from "urql";
import { Button } from "../controls/button";
import { explain } from "../graphql/client";
import { CANCEL, DOWNLOAD, isFinal, type Job, RETRY } from "./documents";

interface JobActionsProps {
  job: Job;
  /** Cancels and repeats; downloads are for whoever sees the file. */
  mayManage: boolean;
  onJob: (job: Job) => void;
}

/** What can be done with a job in its state, and why not where that fails. */
export function JobActions({ job, mayManage, onJob }: JobActionsProps) {
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
    const url = data?.job?.artifact?.downloadUrl;
    // The server names the file and says that it is one to keep: the page stays.
    if (url) location.assign(url);
    else return error ? explain(error) : "The file has expired; a new job makes a new one.";
    return null;
  });
  const isCancelable = !isFinal(job) && !job.cancelRequestedAt;
  const isRepeatable = job.state === "FAILED" || job.state === "CANCELED";
  return (
    <div className="job-actions">
      {job.artifact && !job.artifact.expired && (
        <Button size="small" variant="primary" icon="download" isPending={isBusy} onPress={download}>
          Download
        </Button>
      )}
      {job.artifact?.expired && <span className="badge">File expired</span>}
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
