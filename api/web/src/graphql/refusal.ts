/** Why a WebSocket could not be opened, which browsers do not say. */

export type Refusal =
  | { kind: "origin"; reason: string }
  /** The server is there and would let this page in. */
  | { kind: "none" }
  /** The server does not answer, or answers that it can't. */
  | { kind: "unknown" };

const LONGEST_WAIT_MS = 8_000;

/** Asks the server over HTTP what it says to a WebSocket of this page. */
export async function refusal(): Promise<Refusal> {
  try {
    // By POST, to which browsers add the page's origin.
    const signal = AbortSignal.timeout(LONGEST_WAIT_MS);
    const response = await fetch("/graphql/origin", { method: "POST", signal });
    if (response.status === 403) {
      const { detail } = (await response.json()) as { detail?: string };
      return { kind: "origin", reason: detail ?? "The server refuses WebSockets of this page." };
    }
    return { kind: response.ok ? "none" : "unknown" };
  } catch {
    return { kind: "unknown" };
  }
}
