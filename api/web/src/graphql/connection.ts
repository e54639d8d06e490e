/** Whether live updates arrive, for all of the app to show. */
import { useSyncExternalStore } from "react";

export type Connection =
  | { state: "idle" | "connecting" | "live" | "reconnecting" }
  /** The server is there, and WebSockets do not get through to it. */
  | { state: "blocked" }
  /** The server lets no page of this origin open a WebSocket; the reason is the server's. */
  | { state: "refused"; reason: string };

let connection: Connection = { state: "idle" };
const listeners = new Set<() => void>();

export function setConnection(next: Connection): void {
  // Nothing is tried any more.
  if (next.state === connection.state || connection.state === "refused") return;
  connection = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, () => connection);
}
