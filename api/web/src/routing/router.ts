/** Where the app is: the browser's own history, and nothing beside it. */
import { useSyncExternalStore } from "react";
import { isGuarded, leaving } from "./guard";

const listeners = new Set<() => void>();
/** What is shown: the URL, but for a moment in which a step of the history is undone. */
let shown = { pathname: location.pathname, search: location.search };
const tell = () => {
  shown = { pathname: location.pathname, search: location.search };
  for (const listener of listeners) listener();
};

/** Each entry of the history knows its place in it, so that a step that nobody agreed to can be undone. */
const indexOf = (state: unknown) => (state as { index?: number } | null)?.index;
let at = indexOf(history.state) ?? 0;
if (indexOf(history.state) === undefined) history.replaceState({ index: at }, "");
/** The next step of the history is one that was asked for here. */
let expected: "undone" | "agreed" | null = null;
let hasGone = false;

window.addEventListener("popstate", ({ state }) => {
  const next = indexOf(state);
  const was = expected;
  expected = null;
  if (next === undefined) {
    // A link to a place within the page.
    at += 1;
    history.replaceState({ index: at }, "");
    return tell();
  }
  const steps = next - at;
  if (was === null && steps !== 0 && isGuarded()) {
    // The browser has gone there already.
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

/** Goes to another place; `replace` where going back should not lead here again. */
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

/** Whether the reader has come here from another place in the app, not by loading the page. */
export function hasNavigated(): boolean {
  return hasGone;
}

/** The path, as its decoded parts. */
export function usePath(): string[] {
  useSyncExternalStore(subscribe, () => shown.pathname);
  return pathParts();
}

/** The path as it is now. */
export function pathParts(): string[] {
  return shown.pathname.split("/").filter(Boolean).map(decode);
}

/** The query of the URL, with its question mark. */
export function useQueryString(): string {
  return useSyncExternalStore(subscribe, () => shown.search);
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
