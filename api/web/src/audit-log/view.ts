/** The displayed part of the log, which is stored in the URL, so that it can be shared. */
import type { AuditLogOrder } from "../graphql/generated/graphql";
import { type Conditions, fromParameters, toFilter, toParameters } from "./conditions";

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

export interface View {
  filter: Conditions;
  range: Range | null;
  order: AuditLogOrder;
  /** ID of the open entry. */
  entry: string | null;
}

export function fromQuery(query: string): View {
  const parameters = new URLSearchParams(query);
  const range = parameters.get("range");
  const order = parameters.get("order");
  return {
    filter: fromParameters(parameters),
    range: range && range in RANGES ? (range as Range) : null,
    order: ORDERS.find(({ value }) => value === order)?.value ?? "RECORDED_DESC",
    entry: parameters.get("entry"),
  };
}

export function toQuery({ filter, range, order, entry }: View): string {
  const parameters = toParameters(filter);
  if (range) parameters.set("range", range);
  if (order !== "RECORDED_DESC") parameters.set("order", order);
  if (entry) parameters.set("entry", entry);
  const query = parameters.toString();
  return query ? `?${query}` : "";
}

/** The filter of the API including the time range, which ends `now`. */
export function resolve({ filter, range }: View, now: number) {
  const resolved = toFilter(filter);
  if (range) resolved.from = new Date(now - RANGES[range].minutes * 60_000).toISOString();
  return resolved;
}

/** True if new entries can appear at the top of the view. */
export function canBeLive({ filter, order }: View): boolean {
  return order === "RECORDED_DESC" && !filter.to;
}
