import { Skeleton } from "../controls/states";

/** Placeholder rows for a list of jobs. */
export function JobsSkeleton() {
  return (
    <ul className="job-list card" aria-busy="true" aria-label="Loading">
      {["45%", "60%", "50%", "55%"].map((width) => (
        <li key={width} className="job-row">
          <Skeleton width={width} />
        </li>
      ))}
    </ul>
  );
}
