/** State of the connection for live updates. */
import { useSyncExternalStore } from "react";

export type Connection =
  | { state: "idle" | "connecting" | "live" | "reconnecting" }
  /** The server responds, but WebSockets do not reach it. */
  | { state: "blocked" }
  /** The server does not allow pages of this origin to open a WebSocket, for the server's `reason`. */
  | { state: "refused"; reason: string };

let connection: Connection = { state: "idle" };
const listeners = new Set<() => void>();

export function setConnection(next: Connection): void {
  // A refused connection is not tried again.
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
