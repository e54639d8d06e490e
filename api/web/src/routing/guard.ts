/** What is unsaved and asks before one leaves it. */

/** Asks, and calls `leave` once the reader has agreed. */
type Ask = (leave: () => void) => void;

let asking: Ask | null = null;

/** Asks by `ask` from now on; the end of that. */
export function guard(ask: Ask): () => void {
  asking = ask;
  return () => {
    if (asking === ask) asking = null;
  };
}

/** Asks no more: it is saved or discarded. */
export function release(): void {
  asking = null;
}

export function isGuarded(): boolean {
  return asking !== null;
}

/** Leaves at once, or when the reader has agreed to it. */
export function leaving(leave: () => void): void {
  if (asking) asking(leave);
  else leave();
}
