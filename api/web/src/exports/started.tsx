import { Button } from "../controls/button";
import { bytes, plural } from "../format/number";
import type { ExportJob, Job } from "../jobs/documents";
import { JobActions } from "../jobs/job-actions";
import { JobStatus } from "../jobs/job-state";
import { Progress } from "../jobs/progress";

interface StartedProps {
  job: ExportJob;
  onJob: (job: Job) => void;
  /** Starts the next piece, where this one was cut off. */
  onContinue?: () => void;
}

/** The export that was started, live. */
export function Started({ job, onJob, onContinue }: StartedProps) {
  return (
    <section className="started" aria-label="Progress" aria-live="polite">
      <div className="detail-lead">
        <JobStatus job={job} />
        {job.artifact && (
          <span className="muted">
            {plural(job.artifact.recordCount, "record")}, {bytes(job.artifact.sizeBytes)}
          </span>
        )}
      </div>
      <Progress job={job} />
      {job.error && job.state === "FAILED" && <p className="notice notice-error">{job.error.message}</p>}
      {job.truncated && (
        <div className="notice notice-warning">
          <p>
            This is the first piece: the most that one export holds.{" "}
            {job.recordsMatched && `${plural(job.recordsMatched, "record")} matched.`}
          </p>
          {onContinue && (
            <Button size="small" onPress={onContinue}>
              Export the next piece
            </Button>
          )}
        </div>
      )}
      <JobActions job={job} mayManage onJob={onJob} />
      <p className="field-hint">You can close this: the export goes on, and is found under Exports.</p>
    </section>
  );
}
