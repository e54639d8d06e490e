import { Time } from "../controls/time";
import { duration } from "../format/time";
import type { JobQuery } from "../graphql/generated/graphql";
import { STATES } from "./words";

type Transition = NonNullable<JobQuery["job"]>["transitions"][number];

/** Transitions of a job in order, with the time between them. */
export function Timeline({ transitions }: { transitions: Transition[] }) {
  return (
    <ol className="timeline">
      {transitions.map(({ cursor, to, at, attempt, reason }, index) => {
        const before = transitions[index - 1];
        const since = before && Date.parse(at) - Date.parse(before.at);
        return (
          <li key={cursor} className={`timeline-step timeline-${to.toLowerCase()}`}>
            <span className="timeline-state">{STATES[to]}</span>
            <span className="muted">
              <Time value={at} />
              {since !== undefined && ` · after ${duration(since)}`}
              {attempt > 1 && ` · attempt ${attempt}`}
            </span>
            {reason && <span className="timeline-reason">{reason}</span>}
          </li>
        );
      })}
    </ol>
  );
}
