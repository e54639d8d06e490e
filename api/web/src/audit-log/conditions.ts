/** The conditions of the explorer, in the URL and as a filter of the API. */
import type { AuditLogFilter } from "../graphql/generated/graphql";

/** Labels of the fields that have values to compare, by their names in the API. */
export const FIELDS = {
  action: "Action",
  resourceType: "Resource type",
  resourceId: "Resource ID",
  actorId: "Actor ID",
  actorEmail: "Actor e-mail",
  actorType: "Actor type",
  outcome: "Outcome",
  requestId: "Request ID",
  ipAddress: "IP address",
  recordedBy: "Recorded by",
} as const;

export type Field = keyof typeof FIELDS;

/** Labels of the conditions that there can be one of. */
export const SINGLE = { search: "Search", from: "From", to: "To" } as const;

export type Single = keyof typeof SINGLE;

/** A value in an entry's `extra`. */
export interface Extra {
  /** A JSON Pointer. */
  path: string;
  /** JSON text. */
  equals: string;
}

type Values = Partial<Record<Field, readonly string[]>>;

/** Conditions that an entry must meet, all of them. */
export interface Conditions extends Partial<Record<Single, string>> {
  /** Values, of which any may match. */
  is?: Values;
  /** Values, of which none may match. */
  isNot?: Values;
  extra?: readonly Extra[];
}

/** Fields with few values. */
export const CHOICES: Partial<Record<Field, readonly string[]>> = {
  actorType: ["USER", "SERVICE", "SYSTEM", "AGENT"],
  outcome: ["SUCCESS", "FAILURE", "DENIED"],
};

const NAMES = Object.keys(FIELDS) as Field[];
/** What stands before a field's name in the URL, for values that must not match. */
const NOT = "not.";

/** The values of a field, none if there are none. */
export function values(filter: Conditions, field: Field, kind: "is" | "isNot" = "is"): readonly string[] {
  return filter[kind]?.[field] ?? [];
}

/** The conditions with these values of a field instead of others. */
export function withValues(
  filter: Conditions,
  field: Field,
  next: readonly string[],
  kind: "is" | "isNot" = "is",
): Conditions {
  return { ...filter, [kind]: { ...filter[kind], [field]: [...new Set(next)] } };
}

/** Values that are not valid are ignored, so that a link edited by hand shows no error. */
export function fromParameters(parameters: URLSearchParams): Conditions {
  const filter: Conditions = {};
  for (const name of Object.keys(SINGLE) as Single[]) {
    const value = parameters.get(name)?.trim();
    if (value && (name === "search" || isInstant(value))) filter[name] = value;
  }
  const read = (prefix: string) => {
    const read: Record<string, string[]> = {};
    for (const field of NAMES) {
      const all = parameters.getAll(prefix + field).map((value) => value.trim());
      const usable = all.filter((value) => value && (CHOICES[field]?.includes(value) ?? true));
      if (usable.length) read[field] = [...new Set(usable)];
    }
    return read;
  };
  filter.is = read("");
  filter.isNot = read(NOT);
  filter.extra = parameters.getAll("extra").flatMap((text) => extraFrom(text) ?? []);
  return filter;
}

export function toParameters(filter: Conditions): URLSearchParams {
  const parameters = new URLSearchParams();
  if (filter.search) parameters.set("search", filter.search);
  for (const field of NAMES) {
    for (const value of values(filter, field)) parameters.append(field, value);
    for (const value of values(filter, field, "isNot")) parameters.append(NOT + field, value);
  }
  for (const { path, equals } of filter.extra ?? []) {
    parameters.append("extra", `${path.replace(/[%=]/g, encodeURIComponent)}=${equals}`);
  }
  if (filter.from) parameters.set("from", filter.from);
  if (filter.to) parameters.set("to", filter.to);
  return parameters;
}

function extraFrom(text: string): Extra | null {
  const [path = ""] = text.split("=", 1);
  const equals = text.slice(path.length + 1);
  return isPointer(path) && isExactJson(equals)
    ? { path: path.replaceAll("%3D", "=").replaceAll("%25", "%"), equals }
    : null;
}

/** True for a JSON Pointer (RFC 6901). */
export function isPointer(path: string): boolean {
  return /^(\/([^~]|~[01])*)?$/.test(path);
}

/** True for JSON that JavaScript reads as it is written: it rounds numbers of more digits. */
export function isExactJson(text: string): boolean {
  try {
    JSON.parse(text);
  } catch {
    return false;
  }
  return !/\d{16}/.test(text.replace(/"([^"\\]|\\.)*"/g, ""));
}

/** The filter of the API. */
export function toFilter(filter: Conditions): AuditLogFilter {
  const { search, from, to } = filter;
  const given: AuditLogFilter = {};
  if (search) given.search = search;
  if (from) given.from = from;
  if (to) given.to = to;
  Object.assign(given, ...NAMES.map((field) => condition(filter, field, "is")));
  const not = NAMES.filter((field) => values(filter, field, "isNot").length);
  if (not.length) given.not = { anyOf: not.map((field) => condition(filter, field, "isNot")) };
  if (filter.extra?.length) {
    given.extra = filter.extra.map(({ path, equals }) => ({ path, equals: JSON.parse(equals) }));
  }
  return given;
}

function condition(filter: Conditions, field: Field, kind: "is" | "isNot"): AuditLogFilter {
  const all = values(filter, field, kind);
  return all.length ? { [field]: all } : {};
}

/** An instant as the API accepts it, to the microsecond. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$/i;

function isInstant(value: string): boolean {
  return INSTANT.test(value) && !Number.isNaN(Date.parse(value));
}
