/** Finds out why a WebSocket could not be opened, which browsers do not report. */

export type Refusal =
  | { kind: "origin"; reason: string }
  /** The server responds and would allow this page. */
  | { kind: "none" }
  /** The server does not respond, or responds with an error. */
  | { kind: "unknown" };

const TIMEOUT_MS = 8_000;

/** Asks the server over HTTP if it allows this page to open a WebSocket. */
export async function refusal(): Promise<Refusal> {
  try {
    // Browsers add the page's origin to a POST request.
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch("/graphql/origin", { method: "POST", signal });
    if (response.status === 403) {
      const { detail } = (await response.json()) as { detail?: string };
      return { kind: "origin", reason: detail ?? "The server refuses WebSockets from this page." };
    }
    return { kind: response.ok ? "none" : "unknown" };
  } catch {
    return { kind: "unknown" };
  }
}
