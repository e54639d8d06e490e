/** A key of one press of a button: a request that is sent again starts nothing twice. */
export function newKey(): string {
  // Not by `randomUUID`, which browsers have on encrypted pages only.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
