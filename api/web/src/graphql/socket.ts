/** The WebSocket, which reconnects automatically as long as there are subscriptions. */
import { type Client, createClient } from "graphql-ws";
import { endSession } from "../session/token";
import { setConnection } from "./connection";
import { refusal } from "./refusal";

/** Time within which a ping must be answered before the connection counts as lost. */
const PONG_TIMEOUT_MS = 4_000;
const PING_INTERVAL_MS = 5_000;
/** Time within which a connection must open; browsers themselves wait for minutes. */
const OPENING_TIMEOUT_MS = 8_000;
const MAX_RETRY_DELAY_MS = 5_000;
const FORBIDDEN = 4403;
/** Number of failed attempts in a row, while the server responds over HTTP, that can't be explained by a restart. */
const MAX_FAILED_OPENINGS = 3;

export function createSocket(token: string): Client {
  let pong: ReturnType<typeof setTimeout> | undefined;
  let opening: ReturnType<typeof setTimeout> | undefined;
  /** Attempts since the last open WebSocket in which the server responded over HTTP. */
  let failedOpenings = 0;
  const untilNextTry = async (retries: number) => {
    const found = await refusal();
    if (found.kind === "origin") {
      setConnection({ state: "refused", reason: found.reason });
      // Another attempt would also be refused.
      return new Promise<void>(() => {});
    }
    failedOpenings = found.kind === "none" ? failedOpenings + 1 : 0;
    if (failedOpenings > MAX_FAILED_OPENINGS) setConnection({ state: "blocked" });
    return untilRetry(retries);
  };
  const socket = createClient({
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
    connectionParams: { authorization: `Bearer ${token}` },
    // Keeps the connection open for the next page.
    lazyCloseTimeout: 3_000,
    keepAlive: PING_INTERVAL_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: (retries) => untilNextTry(retries),
    on: {
      connecting: (isRetry) => {
        opening = setTimeout(() => socket.terminate(), OPENING_TIMEOUT_MS);
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
        if (!isReceived) pong = setTimeout(() => socket.terminate(), PONG_TIMEOUT_MS);
      },
      pong: (isReceived) => {
        if (isReceived) clearTimeout(pong);
      },
    },
  });
  // Faster than a ping, which would take seconds.
  window.addEventListener("offline", () => socket.terminate());
  return socket;
}

/** Waits longer after each attempt, but not once the network is back. */
function untilRetry(retries: number): Promise<void> {
  const wait = Math.min(MAX_RETRY_DELAY_MS, 250 * 2 ** retries) * (0.5 + Math.random() / 2);
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
