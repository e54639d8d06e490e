/**
 * Numbers of entries as they were recorded. JavaScript's numbers round what has more than 15 to 17 digits:
 * JSON.parse reads 9007199254740993 as 9007199254740992. Such a number is kept as a marked text instead.
 */

/** Begins a text that stands for a number; a noncharacter, which no server sends. */
const MARK = "\uFFFE";

/** A text of JSON, or a number outside of texts. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Marks the numbers of a JSON text that JavaScript would change. */
export function mark(json: string): string {
  return json.replace(TOKEN, (token) =>
    token.startsWith('"') || isKept(token) ? token : `"${MARK}${token}"`,
  );
}

/** True if the number keeps its value: it is finite, and has no more digits than any double keeps. */
function isKept(token: string): boolean {
  const digits = token
    .replace(/[eE].*$/, "")
    .replace(/[^\d]/g, "")
    .replace(/^0+|0+$/g, "");
  return (digits.length <= 15 && Number.isFinite(Number(token))) || String(Number(token)) === token;
}

/** True for a text that stands for a number. */
export function isNumber(text: string): boolean {
  return text.startsWith(MARK);
}

/** Formats a JSON value, with its numbers as they were recorded. */
export function print(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(new RegExp(`"${MARK}([^"]*)"`, "g"), "$1");
}

/** Works like `fetch`, for responses of JSON whose numbers must not be rounded. */
export async function fetchExact(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  if (!isJson) return response;
  const { status, statusText, headers } = response;
  return new Response(mark(await response.text()), { status, statusText, headers });
}
