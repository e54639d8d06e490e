/** The credential, kept for this tab only. */
import { useSyncExternalStore } from "react";

const KEY = "daybook.token";

export interface Session {
  token: string | null;
  /** Reason why the session ended, shown on the sign-in page. */
  ended: string | null;
}

let session: Session = { token: sessionStorage.getItem(KEY), ended: null };
const listeners = new Set<() => void>();

function change(next: Session): void {
  session = next;
  if (next.token) sessionStorage.setItem(KEY, next.token);
  else sessionStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

export function signIn(token: string): void {
  change({ token, ended: null });
}

export function signOut(): void {
  change({ token: null, ended: null });
}

/** Ends the session and shows the reason to the user. */
export function endSession(reason: string): void {
  if (session.token) change({ token: null, ended: reason });
}

export function useSession(): Session {
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  return useSyncExternalStore(subscribe, () => session);
}

/** Removes `Authorization: Bearer` from a pasted token. */
export function bare(token: string): string {
  return token.trim().replace(/^(authorization:\s*)?bearer\s+/i, "");
}

export function currentToken(): string | null {
  return session.token;
}
