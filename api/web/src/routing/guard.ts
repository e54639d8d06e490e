/** Guards unsaved changes: asks the user before they leave the page. */

/** Asks the user, and calls `leave` once they have agreed. */
type Ask = (leave: () => void) => void;

let asking: Ask | null = null;

/** Installs `ask` as the guard; returns a function that removes it. */
export function guard(ask: Ask): () => void {
  asking = ask;
  return () => {
    if (asking === ask) asking = null;
  };
}

/** Removes the guard, since the changes are saved or discarded. */
export function release(): void {
  asking = null;
}

export function isGuarded(): boolean {
  return asking !== null;
}

/** Calls `leave` immediately, or once the user has agreed. */
export function leaving(leave: () => void): void {
  if (asking) asking(leave);
  else leave();
}
