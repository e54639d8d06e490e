/** The displayed part of the log, which is stored in the URL, so that it can be shared. */
import type { AuditLogFilter, AuditLogOrder } from "../graphql/generated/graphql";

/** Time ranges that end now; in a shared link, when the reader opens it. */
export const RANGES = {
  "1h": { label: "Last hour", minutes: 60 },
  "24h": { label: "Last 24 hours", minutes: 24 * 60 },
  "7d": { label: "Last 7 days", minutes: 7 * 24 * 60 },
  "30d": { label: "Last 30 days", minutes: 30 * 24 * 60 },
  "90d": { label: "Last 90 days", minutes: 90 * 24 * 60 },
} as const;

export type Range = keyof typeof RANGES;

export const ORDERS: readonly { value: AuditLogOrder; label: string }[] = [
  { value: "RECORDED_DESC", label: "Newest first" },
  { value: "RECORDED_ASC", label: "Oldest first" },
  { value: "TIMESTAMP_DESC", label: "Latest event first" },
  { value: "TIMESTAMP_ASC", label: "Earliest event first" },
];

/** Labels of the filter's fields, by their names in the API. */
export const FIELDS = {
  search: "Search",
  action: "Action",
  resourceType: "Resource type",
  resourceId: "Resource ID",
  actorId: "Actor ID",
  actorEmail: "Actor e-mail",
  actorType: "Actor type",
  outcome: "Outcome",
  requestId: "Request ID",
  from: "From",
  to: "To",
} as const;

export type Field = keyof typeof FIELDS & keyof AuditLogFilter;

export interface View {
  filter: AuditLogFilter;
  range: Range | null;
  order: AuditLogOrder;
  /** ID of the open entry. */
  entry: string | null;
}

const CHOICES: Partial<Record<string, readonly string[]>> = {
  actorType: ["USER", "SERVICE", "SYSTEM"],
  outcome: ["SUCCESS", "FAILURE", "DENIED"],
};

export function fromQuery(query: string): View {
  const parameters = new URLSearchParams(query);
  const filter: Record<string, string> = {};
  for (const field of Object.keys(FIELDS)) {
    const value = parameters.get(field)?.trim();
    if (value && isUsable(field, value)) filter[field] = value;
  }
  const range = parameters.get("range");
  const order = parameters.get("order");
  return {
    filter,
    range: range && range in RANGES ? (range as Range) : null,
    order: ORDERS.find(({ value }) => value === order)?.value ?? "RECORDED_DESC",
    entry: parameters.get("entry"),
  };
}

/** An instant as the API accepts it, to the microsecond. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$/i;

/** Ignores values that are not valid, so that a link edited by hand shows no error. */
function isUsable(field: string, value: string): boolean {
  if (field === "from" || field === "to") return INSTANT.test(value) && !Number.isNaN(Date.parse(value));
  return CHOICES[field]?.includes(value) ?? true;
}

export function toQuery({ filter, range, order, entry }: View): string {
  const parameters = new URLSearchParams();
  for (const field of Object.keys(FIELDS)) {
    const value = filter[field as Field];
    if (value) parameters.set(field, value);
  }
  if (range) parameters.set("range", range);
  if (order !== "RECORDED_DESC") parameters.set("order", order);
  if (entry) parameters.set("entry", entry);
  const query = parameters.toString();
  return query ? `?${query}` : "";
}

/** The filter including the time range, which ends `now`. */
export function resolve({ filter, range }: View, now: number): AuditLogFilter {
  if (!range) return filter;
  return { ...filter, from: new Date(now - RANGES[range].minutes * 60_000).toISOString() };
}

/** True if new entries can appear at the top of the view. */
export function canBeLive({ filter, order }: View): boolean {
  return order === "RECORDED_DESC" && !filter.to;
}
