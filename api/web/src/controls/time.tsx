import { local, utc } from "../format/time";

/** An instant in the reader's time zone; in UTC on hover. */
export function Time({ value }: { value: string }) {
  return (
    <time dateTime={value} title={utc(value)} className="time">
      {local(value)}
    </time>
  );
}
