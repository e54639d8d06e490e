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

/** Format of `datetime-local` inputs: without time zone, to the minute. */
export function toInput(instant: string): string {
  const date = new Date(instant);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
