import { useEffect } from "react";
import { useQuery } from "urql";
import { BackupTables } from "../backups/tables";
import { Overlay } from "../controls/dialog";
import { EmptyState, ErrorState, Skeleton } from "../controls/states";
import { Time } from "../controls/time";
import { bytes, count } from "../format/number";
import { explain } from "../graphql/client";
import { print } from "../graphql/exact-numbers";
import { JOB, type Job } from "./documents";
import { JobActions } from "./job-actions";
import { JobStatus } from "./job-state";
import { Progress } from "./progress";
import type { Reader } from "./rights";
import { Timeline } from "./timeline";
import { requester, title, WHY_UNAVAILABLE } from "./words";

interface JobDetailProps {
  id: string;
  /** Latest state from the feed. */
  live: Job | undefined;
  reader: Reader;
  onJob: (job: Job) => void;
  onClose: () => void;
}

/** Details of a job: its transitions, its file and the possible actions. */
export function JobDetail({ id, live, reader, onJob, onClose }: JobDetailProps) {
  const [{ data, error, fetching }, reload] = useQuery({ query: JOB, variables: { id } });
  const stage = live && `${live.state} ${live.attempt} ${live.cancelRequestedAt}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each stage brings a transition
  useEffect(() => reload(), [stage]);
  const job = live ?? data?.job ?? undefined;
  return (
    <Overlay shape="sheet" title={job ? title(job) : "Job"} isOpen onClose={onClose}>
      {error && !data && <ErrorState message={explain(error)} onRetry={reload} />}
      {job && (
        <div className="detail">
          <div className="detail-lead">
            <JobStatus job={job} />
            <JobActions job={job} reader={reader} onJob={onJob} />
          </div>
          <Progress job={job} />
          {job.error && (
            <p className={`notice ${job.state === "FAILED" ? "notice-error" : "notice-warning"}`}>
              {job.error.message} {job.error.retryable ? "The job may succeed if you retry it." : ""}
            </p>
          )}
          <Facts job={job} />
          {job.__typename === "BackupJob" && <BackupTables job={job} />}
          <h3>Transitions</h3>
          {data?.job ? <Timeline transitions={data.job.transitions} /> : <Skeleton width="60%" />}
          {data?.job?.artifact?.manifest != null && (
            <details className="manifest">
              <summary>Manifest, to verify the file</summary>
              <pre className="code">{print(data.job.artifact.manifest)}</pre>
            </details>
          )}
        </div>
      )}
      {!job && !error && !fetching && (
        <EmptyState icon="search" title="Job not found">
          <p>The link is incomplete, or the job belongs to another organization.</p>
        </EmptyState>
      )}
    </Overlay>
  );
}

function Facts({ job }: { job: Job }) {
  const { artifact } = job;
  return (
    <dl className="facts">
      <Fact name="Requested by">{requester(job)}</Fact>
      <Fact name="Created">
        <Time value={job.createdAt} />
      </Fact>
      <Fact name="Attempt">
        {count(job.attempt)} of {count(job.maxAttempts)}
      </Fact>
      {artifact && (
        <>
          <Fact name="File">
            {artifact.fileName} <span className="muted">{bytes(artifact.sizeBytes)}</span>
          </Fact>
          <Fact name="Records">
            {count(artifact.recordCount)}
            {job.__typename === "ExportJob" &&
              job.recordsMatched &&
              job.truncated &&
              ` of ${count(job.recordsMatched)} that match`}
          </Fact>
          {artifact.availability !== "AVAILABLE" && (
            <Fact name="Download">{WHY_UNAVAILABLE[artifact.availability]}</Fact>
          )}
          <Fact name={artifact.availability === "EXPIRED" ? "Expired" : "Expires"}>
            <Time value={artifact.expiresAt} />
          </Fact>
          <Fact name="SHA-256">
            <span className="mono detail-hash">{artifact.sha256}</span>
          </Fact>
        </>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd className="fact-value">{children}</dd>
    </div>
  );
}
