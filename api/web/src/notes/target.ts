/** What links between notes lead to. */

/** Of no address that could be meant. */
const HOST = "note.invalid";

/** The path of the note that a link in the note at `from` leads to; null where it leads elsewhere. */
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
