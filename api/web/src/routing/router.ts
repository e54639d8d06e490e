/** Where the app is: the browser's own history, and nothing beside it. */
import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
const tell = () => {
  for (const listener of listeners) listener();
};
window.addEventListener("popstate", tell);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Goes to another place; `replace` where going back should not lead here again. */
export function navigate(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  tell();
}

/** The path, as its decoded parts. */
export function usePath(): string[] {
  useSyncExternalStore(subscribe, () => location.pathname);
  return pathParts();
}

/** The path as it is now. */
export function pathParts(): string[] {
  return location.pathname.split("/").filter(Boolean).map(decode);
}

/** The query of the URL, with its question mark. */
export function useQueryString(): string {
  return useSyncExternalStore(subscribe, () => location.search);
}

/** A path of these parts. */
export function pathOf(...parts: string[]): string {
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
