import { Button } from "../controls/button";
import { bytes, plural } from "../format/number";
import { type ExportJob, isFinal, type Job } from "../jobs/documents";
import { JobActions } from "../jobs/job-actions";
import { JobStatus } from "../jobs/job-state";
import { Progress } from "../jobs/progress";
import type { Reader } from "../jobs/rights";

interface StartedProps {
  job: ExportJob;
  reader: Reader;
  onJob: (job: Job) => void;
  /** Starts the next piece of a truncated export. */
  onContinue?: () => void;
}

/** A started export, live. */
export function Started({ job, reader, onJob, onContinue }: StartedProps) {
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
            This file is incomplete: it has the maximum number of records of one export
            {job.recordsMatched && `, out of ${plural(job.recordsMatched, "record")} from its first one on`}.
          </p>
          {onContinue && (
            <Button size="small" onPress={onContinue}>
              Export the next piece
            </Button>
          )}
        </div>
      )}
      <JobActions job={job} reader={reader} onJob={onJob} />
      <p className="field-hint">
        {isFinal(job)
          ? "You can also find this export under Exports."
          : "You can close this dialog. The export continues, and you can find it under Exports."}
      </p>
    </section>
  );
}
