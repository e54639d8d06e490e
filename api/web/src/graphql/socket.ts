/** The WebSocket: it comes back by itself for as long as somebody listens. */
import { type Client, createClient } from "graphql-ws";
import { endSession } from "../session/token";
import { setConnection } from "./connection";
import { refusal } from "./refusal";

/** A network that takes longer than this to answer a ping is lost. */
const PATIENCE_MS = 4_000;
const PING_EVERY_MS = 5_000;
/** A browser itself waits for minutes. */
const LONGEST_OPENING_MS = 8_000;
const LONGEST_WAIT_MS = 5_000;
const FORBIDDEN = 4403;
/** So many tries in a row that fail while the server answers otherwise are no restart of it. */
const MAX_FAILED_OPENINGS = 3;

export function createSocket(token: string): Client {
  let pong: ReturnType<typeof setTimeout> | undefined;
  let opening: ReturnType<typeof setTimeout> | undefined;
  /** Tries since a WebSocket was open, in which the server answered otherwise. */
  let failedOpenings = 0;
  const untilNextTry = async (retries: number) => {
    const found = await refusal();
    if (found.kind === "origin") {
      setConnection({ state: "refused", reason: found.reason });
      // Another try would be refused, too.
      return new Promise<void>(() => {});
    }
    failedOpenings = found.kind === "none" ? failedOpenings + 1 : 0;
    if (failedOpenings > MAX_FAILED_OPENINGS) setConnection({ state: "blocked" });
    return untilRetry(retries);
  };
  const socket = createClient({
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
    connectionParams: { authorization: `Bearer ${token}` },
    // Pages that follow one another share the connection.
    lazyCloseTimeout: 3_000,
    keepAlive: PING_EVERY_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: (retries) => untilNextTry(retries),
    on: {
      connecting: (isRetry) => {
        opening = setTimeout(() => socket.terminate(), LONGEST_OPENING_MS);
        if (failedOpenings <= MAX_FAILED_OPENINGS)
          setConnection({ state: isRetry ? "reconnecting" : "connecting" });
      },
      connected: () => {
        clearTimeout(opening);
        failedOpenings = 0;
        setConnection({ state: "live" });
      },
      closed: (event) => {
        clearTimeout(opening);
        clearTimeout(pong);
        const { code, wasClean } = event as CloseEvent;
        if (code === FORBIDDEN) endSession("Your token or API key has expired or was revoked.");
        const isOver = wasClean && code === 1000;
        if (isOver || failedOpenings <= MAX_FAILED_OPENINGS)
          setConnection({ state: isOver ? "idle" : "reconnecting" });
      },
      ping: (isReceived) => {
        if (!isReceived) pong = setTimeout(() => socket.terminate(), PATIENCE_MS);
      },
      pong: (isReceived) => {
        if (isReceived) clearTimeout(pong);
      },
    },
  });
  // The browser knows at once; a ping would take seconds.
  window.addEventListener("offline", () => socket.terminate());
  return socket;
}

/** Longer from try to try, but no longer once the network is back. */
function untilRetry(retries: number): Promise<void> {
  const wait = Math.min(LONGEST_WAIT_MS, 250 * 2 ** retries) * (0.5 + Math.random() / 2);
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, wait);
    window.addEventListener("online", done);
  });
}
