/** Light or dark theme: the system's preference until the user chooses one. */
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";
const KEY = "daybook.theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function chosen(): Theme | null {
  const value = localStorage.getItem(KEY);
  return value === "light" || value === "dark" ? value : null;
}

export function applyTheme(): void {
  const theme = chosen();
  if (theme) document.documentElement.dataset.theme = theme;
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  applyTheme();
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    system.addEventListener("change", listener);
    return () => {
      listeners.delete(listener);
      system.removeEventListener("change", listener);
    };
  };
  return useSyncExternalStore(subscribe, () => chosen() ?? (system.matches ? "dark" : "light"));
}
