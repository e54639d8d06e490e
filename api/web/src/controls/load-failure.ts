/** Finds out why a part of the app could not be fetched. */

export type Failure =
  /** The network or the server is not reachable. */
  | "unreachable"
  /** The server has another version of the app, without this part. */
  | "version"
  /** The server responds and has the same version. */
  | "unknown";

const CHECK_INTERVAL_MS = 2_000;

/** Compares this page with the server's current version. */
export async function failureOf(): Promise<Failure> {
  const page = await currentPage();
  if (page === null) return "unreachable";
  const script = document.querySelector<HTMLScriptElement>('script[type="module"][src]');
  const path = script && new URL(script.src).pathname;
  return path && page.includes(path) ? "unknown" : "version";
}

/** Calls `onReached` whenever the server responds; returns a function that stops waiting. */
export function untilReachable(onReached: () => void): () => void {
  const look = async () => {
    if (navigator.onLine && (await currentPage()) !== null) onReached();
  };
  const timer = setInterval(look, CHECK_INTERVAL_MS);
  window.addEventListener("online", look);
  return () => {
    clearInterval(timer);
    window.removeEventListener("online", look);
  };
}

/** Fetches the current page of the app; null if the server does not respond. */
async function currentPage(): Promise<string | null> {
  try {
    const response = await fetch("/", { cache: "no-store" });
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  }
}
