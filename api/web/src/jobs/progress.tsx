import { Label, ProgressBar } from "react-aria-components";
import { isFinal, type Job } from "./documents";
import { progressText } from "./words";

/** Progress of an unfinished job. */
export function Progress({ job }: { job: Job }) {
  if (isFinal(job)) return null;
  const { fraction } = job.progress;
  const isKnown = job.state === "RUNNING" && typeof fraction === "number";
  const text = job.state === "QUEUED" ? "Waiting for a worker" : progressText(job);
  return (
    <ProgressBar className="progress" value={isKnown ? fraction * 100 : undefined} isIndeterminate={!isKnown}>
      {({ percentage }) => (
        <>
          <Label className="progress-label">{text}</Label>
          {isKnown && <span className="progress-value">{Math.floor(percentage ?? 0)} %</span>}
          <span className="progress-track" aria-hidden>
            <span className="progress-fill" style={{ width: isKnown ? `${percentage}%` : "100%" }} />
          </span>
        </>
      )}
    </ProgressBar>
  );
}
