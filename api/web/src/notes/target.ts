/** Resolves links between notes. */

/** Host name that no real link can have. */
const HOST = "note.invalid";

/** Path of the note that a link in the note at `from` leads to; null if it leads elsewhere. */
export function target(from: string, url: string): string | null {
  const base = `http://${HOST}/${from.split("/").map(encodeURIComponent).join("/")}`;
  try {
    const { host, pathname } = new URL(url, base);
    if (host !== HOST || !url || url.startsWith("#")) return null;
    return decodeURIComponent(pathname.slice(1)).normalize("NFC");
  } catch {
    return null;
  }
}
