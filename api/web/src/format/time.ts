/** Instants and durations for people. */
const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const SHORT = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});
const DAY = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function local(instant: string): string {
  return LOCAL.format(new Date(instant));
}

/** Formats in UTC, including the microseconds that JavaScript's dates would lose. */
export function utc(instant: string): string {
  return `${instant.replace("T", " ").replace("Z", "")} UTC`;
}

export function short(instant: Date | string): string {
  return SHORT.format(new Date(instant));
}

export function day(instant: Date | string): string {
  return DAY.format(new Date(instant));
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Format of `datetime-local` inputs: without time zone, to the minute. */
export function toInput(instant: string): string {
  const date = new Date(instant);
  return new Date(date.getTime() - date.getTimezoneOffset() * MINUTE_MS).toISOString().slice(0, 16);
}

/**
 * The instants at which local clocks show the time of an input: none if they skip it, two if they show it
 * twice, as when daylight saving time ends.
 */
export function instantsOf(input: string): string[] {
  const inUtc = Date.parse(`${input}Z`);
  if (Number.isNaN(inUtc)) return [];
  const offsets = [inUtc - DAY_MS, inUtc + DAY_MS].map((near) => new Date(near).getTimezoneOffset());
  const instants = offsets.map((offset) => new Date(inUtc + offset * MINUTE_MS).toISOString());
  return [...new Set(instants)].filter((instant) => toInput(instant) === input).sort();
}

/** The last minute before an instant at which a range ends, as people name the end. */
export function lastMinute(end: string): string {
  const isWholeMinute = Date.parse(end) % MINUTE_MS === 0 && !/\.\d*[1-9]/.test(end);
  return isWholeMinute ? new Date(Date.parse(end) - MINUTE_MS).toISOString() : end;
}

/** The instant at which a minute is over. */
export function afterMinute(start: string): string {
  return new Date(Date.parse(start) + MINUTE_MS).toISOString();
}

/** The difference between local time and UTC at an instant, such as `UTC+02:00`. */
export function offset(instant: string): string {
  const minutes = -new Date(instant).getTimezoneOffset();
  const two = (number: number) => String(Math.floor(number)).padStart(2, "0");
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`;
}

export function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
