import { Time } from "../controls/time";
import { bytes, plural } from "../format/number";
import { duration } from "../format/time";
import { Link } from "../routing/link";
import type { Job } from "./documents";
import { JobActions } from "./job-actions";
import { JobStatus } from "./job-state";
import { Progress } from "./progress";
import type { Reader } from "./rights";
import { requester, runtime, title } from "./words";

interface JobListProps {
  jobs: Job[];
  reader: Reader;
  hrefOf: (job: Job) => string;
  onJob: (job: Job) => void;
  /** Shows each job's organization, if the list covers several. */
  isEverywhere?: boolean;
}

/** List of jobs, each with its actions. */
export function JobList({ jobs, reader, hrefOf, onJob, isEverywhere }: JobListProps) {
  return (
    <ul className="job-list card">
      {jobs.map((job) => (
        <li key={job.id} className="job-row">
          <div className="job-what">
            <Link className="job-title" href={hrefOf(job)}>
              {title(job)}
            </Link>
            <span className="muted">
              {isEverywhere && `${job.organization?.name ?? "Whole instance"} · `}
              {requester(job)} · <Time value={job.createdAt} />
            </span>
          </div>
          <div className="job-state">
            <JobStatus job={job} />
            <span className="muted">{facts(job)}</span>
          </div>
          <Progress job={job} />
          {job.error && job.state !== "SUCCEEDED" && <p className="job-error">{job.error.message}</p>}
          <JobActions job={job} reader={reader} onJob={onJob} />
        </li>
      ))}
    </ul>
  );
}

function facts(job: Job): string {
  const time = runtime(job);
  return [
    job.artifact && `${plural(job.artifact.recordCount, "record")}, ${bytes(job.artifact.sizeBytes)}`,
    time !== null && `in ${duration(time)}`,
    job.attempt > 1 && `attempt ${job.attempt} of ${job.maxAttempts}`,
  ]
    .filter(Boolean)
    .join(" · ");
}
