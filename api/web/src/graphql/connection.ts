/** Whether live updates arrive, for all of the app to show. */
import { useSyncExternalStore } from "react";

export type ConnectionState = "idle" | "connecting" | "live" | "reconnecting";

let state: ConnectionState = "idle";
const listeners = new Set<() => void>();

export function setConnection(next: ConnectionState): void {
  if (next === state) return;
  state = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useConnection(): ConnectionState {
  return useSyncExternalStore(subscribe, () => state);
}
