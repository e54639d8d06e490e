import { plural } from "../format/number";
import { duration, short } from "../format/time";
import type { JobState } from "../graphql/generated/graphql";
import type { Job } from "./documents";
import { isFinal } from "./documents";
import { REASONS, runtime } from "./words";

const BUCKETS = 24;
const HEIGHT = 60;
const SHORTEST_SPAN_MS = 60 * 60_000;

/** Finished jobs over time, by final state. */
export function Throughput({ jobs }: { jobs: Job[] }) {
  const finished = jobs.filter((job) => isFinal(job) && job.finishedAt);
  const now = Date.now();
  const oldest = Math.min(
    now - SHORTEST_SPAN_MS,
    ...finished.map(({ finishedAt }) => Date.parse(finishedAt ?? "")),
  );
  const width = (now - oldest) / BUCKETS;
  const buckets = Array.from({ length: BUCKETS }, () => ({ good: 0, canceled: 0, bad: 0 }));
  for (const job of finished) {
    const index = Math.min(BUCKETS - 1, Math.floor((Date.parse(job.finishedAt ?? "") - oldest) / width));
    const bucket = buckets[Math.max(0, index)];
    if (!bucket) continue;
    if (job.state === "SUCCEEDED") bucket.good += 1;
    else if (job.state === "CANCELED") bucket.canceled += 1;
    else bucket.bad += 1;
  }
  const most = Math.max(1, ...buckets.map(({ good, canceled, bad }) => good + canceled + bad));
  const ended = (state: JobState) => finished.filter((job) => job.state === state).length;
  const [failed, canceled] = [ended("FAILED"), ended("CANCELED")];
  return (
    <figure className="chart card">
      <figcaption>
        <strong>Throughput</strong>
        <span className="muted">
          {plural(finished.length, "job")} finished since {short(new Date(oldest))}
          {failed > 0 && `, ${failed} failed`}
          {canceled > 0 && `, ${canceled} canceled`}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${BUCKETS} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {buckets.map(({ good, canceled, bad }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a bucket is its place
          <g key={index}>
            <Part name="good" index={index} from={0} count={good} most={most} />
            <Part name="canceled" index={index} from={good} count={canceled} most={most} />
            <Part name="bad" index={index} from={good + canceled} count={bad} most={most} />
          </g>
        ))}
      </svg>
    </figure>
  );
}

interface PartProps {
  name: "good" | "canceled" | "bad";
  index: number;
  /** Number of jobs in the parts below this one. */
  from: number;
  count: number;
  most: number;
}

/** One part of a bucket's bar. */
function Part({ name, index, from, count, most }: PartProps) {
  const height = (count / most) * HEIGHT;
  const y = HEIGHT - (from / most) * HEIGHT - height;
  return <rect className={`chart-${name}`} x={index + 0.15} width={0.7} y={y} height={height} />;
}

const SHOWN_DURATIONS = 40;

/** Durations of the latest jobs, the oldest on the left. */
export function Durations({ jobs }: { jobs: Job[] }) {
  const finished = jobs.flatMap((job) => {
    const time = runtime(job);
    return time === null ? [] : [{ id: job.id, time }];
  });
  const shown = finished.slice(0, SHOWN_DURATIONS).reverse();
  const sorted = finished.map(({ time }) => time).sort((one, other) => one - other);
  const longest = Math.max(1, ...shown.map(({ time }) => time));
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return (
    <figure className="chart card">
      <figcaption>
        <strong>Duration</strong>
        <span className="muted">
          {sorted.length
            ? `median ${duration(at(0.5))}, 95 % within ${duration(at(0.95))}`
            : "No job has finished yet"}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${SHOWN_DURATIONS} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {shown.map(({ id, time }, index) => {
          const height = Math.max(1.5, (time / longest) * HEIGHT);
          const x = SHOWN_DURATIONS - shown.length + index + 0.15;
          return (
            <rect key={id} className="chart-bar" x={x} width={0.7} y={HEIGHT - height} height={height} />
          );
        })}
      </svg>
    </figure>
  );
}

/** Reasons of failed jobs, the most frequent first. */
export function Failures({ jobs }: { jobs: Job[] }) {
  const reasons = new Map<string, number>();
  for (const { state, error } of jobs) {
    if (state !== "FAILED" || !error) continue;
    const reason = REASONS[error.code];
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const ranked = [...reasons].sort((one, other) => other[1] - one[1]);
  return (
    <section className="chart card">
      <h2 className="chart-title">Failures</h2>
      {ranked.length ? (
        <ul className="failures">
          {ranked.map(([reason, times]) => (
            <li key={reason}>
              <span>{reason}</span>
              <span className="failures-count">{times}</span>
            </li>
          ))}
        </ul>
      ) : (
        <p className="muted">None of these jobs failed.</p>
      )}
    </section>
  );
}
