/** Creates a key for one press of a button, so that a repeated request has no further effect. */
export function newKey(): string {
  // `randomUUID` is not available on pages without HTTPS.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
