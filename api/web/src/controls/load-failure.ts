/** Why a part of the app could not be fetched. */

export type Failure =
  /** The network, or the server, is away. */
  | "unreachable"
  /** The server has another version of the app, without this part. */
  | "version"
  /** The server answers, and has this very version. */
  | "unknown";

const LOOK_EVERY_MS = 2_000;

/** Looks at what the server has now. */
export async function failureOf(): Promise<Failure> {
  const page = await currentPage();
  if (page === null) return "unreachable";
  const script = document.querySelector<HTMLScriptElement>('script[type="module"][src]');
  const path = script && new URL(script.src).pathname;
  return path && page.includes(path) ? "unknown" : "version";
}

/** Calls `onReached` once the server answers again; the end of waiting for that. */
export function untilReachable(onReached: () => void): () => void {
  const look = async () => {
    if (navigator.onLine && (await currentPage()) !== null) onReached();
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  window.addEventListener("online", look);
  return () => {
    clearInterval(timer);
    window.removeEventListener("online", look);
  };
}

/** The app's page as the server has it now; null where the server does not answer. */
async function currentPage(): Promise<string | null> {
  try {
    const response = await fetch("/", { cache: "no-store" });
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  }
}
