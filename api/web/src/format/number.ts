/** Formats numbers for display. */
const PLAIN = new Intl.NumberFormat();
const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

export function count(value: number | string): string {
  return PLAIN.format(typeof value === "string" ? BigInt(value) : value);
}

export function bytes(value: number | string): string {
  let size = Number(value);
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`;
}

export function plural(value: number | string, one: string, many = `${one}s`): string {
  return `${count(value)} ${Number(value) === 1 ? one : many}`;
}
