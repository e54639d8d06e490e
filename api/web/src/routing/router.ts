/** Router of the app, based only on the browser's history. */
import { useSyncExternalStore } from "react";
import { isGuarded, leaving } from "./guard";

const listeners = new Set<() => void>();
/** The displayed URL; differs from the browser's only while a step of the history is undone. */
let shown = { pathname: location.pathname, search: location.search };
const tell = () => {
  shown = { pathname: location.pathname, search: location.search };
  for (const listener of listeners) listener();
};

/** Each history entry stores its index, so that a step that the user did not agree to can be undone. */
const indexOf = (state: unknown) => (state as { index?: number } | null)?.index;
let at = indexOf(history.state) ?? 0;
if (indexOf(history.state) === undefined) history.replaceState({ index: at }, "");
/** Set if this module itself has requested the next step of the history. */
let expected: "undone" | "agreed" | null = null;
let hasGone = false;

window.addEventListener("popstate", ({ state }) => {
  const next = indexOf(state);
  const was = expected;
  expected = null;
  if (next === undefined) {
    // A link to an anchor within the page.
    at += 1;
    history.replaceState({ index: at }, "");
    return tell();
  }
  const steps = next - at;
  if (was === null && steps !== 0 && isGuarded()) {
    // The browser has already made the step.
    expected = "undone";
    history.go(-steps);
    return leaving(() => {
      expected = "agreed";
      history.go(steps);
    });
  }
  at = next;
  hasGone = true;
  if (was !== "undone") tell();
});

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Navigates to another page. With `replace`, going back does not return to the current one. */
export function navigate(to: string, { replace = false } = {}): void {
  const go = () => {
    if (!replace) at += 1;
    if (replace) history.replaceState({ index: at }, "", to);
    else history.pushState({ index: at }, "", to);
    hasGone ||= !replace;
    tell();
  };
  if (replace) go();
  else leaving(go);
}

/** True if the user came from another page of the app, rather than by loading this one. */
export function hasNavigated(): boolean {
  return hasGone;
}

/** The decoded parts of the path. */
export function usePath(): string[] {
  useSyncExternalStore(subscribe, () => shown.pathname);
  return pathParts();
}

/** The decoded parts of the current path. */
export function pathParts(): string[] {
  return shown.pathname.split("/").filter(Boolean).map(decode);
}

/** The query of the URL, including the question mark. */
export function useQueryString(): string {
  return useSyncExternalStore(subscribe, () => shown.search);
}

/** Builds a path from its parts. */
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
