/** Compares two texts token by token. */

export interface Piece {
  kind: "same" | "removed" | "added";
  text: string;
}

/** Maximum number of tokens to compare. Longer texts are shown whole, since the cost is the product of both lengths. */
const MAX_TOKENS = 600;

/** A shortest edit script by the longest common subsequence. */
export function diff(before: string[], after: string[]): Piece[] {
  if (before.length > MAX_TOKENS || after.length > MAX_TOKENS) {
    return [piece("removed", before.join("")), piece("added", after.join(""))];
  }
  const lengths = commonLengths(before, after);
  const pieces: Piece[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      pieces.push(piece("same", before[i]));
      i += 1;
      j += 1;
    } else if (j >= after.length || (i < before.length && at(lengths, i + 1, j) >= at(lengths, i, j + 1))) {
      pieces.push(piece("removed", before[i]));
      i += 1;
    } else {
      pieces.push(piece("added", after[j]));
      j += 1;
    }
  }
  return merge(pieces);
}

export function words(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
}

export function lines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Lengths of the longest common subsequences of the rests after each pair of positions. */
function commonLengths(before: string[], after: string[]): number[][] {
  const table = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  for (let i = before.length - 1; i >= 0; i--) {
    const row = table[i] ?? [];
    for (let j = after.length - 1; j >= 0; j--) {
      row[j] =
        before[i] === after[j]
          ? at(table, i + 1, j + 1) + 1
          : Math.max(at(table, i + 1, j), at(table, i, j + 1));
    }
  }
  return table;
}

function at(table: number[][], i: number, j: number): number {
  return table[i]?.[j] ?? 0;
}

function piece(kind: Piece["kind"], text: string | undefined): Piece {
  return { kind, text: text ?? "" };
}

function merge(pieces: Piece[]): Piece[] {
  const merged: Piece[] = [];
  for (const { kind, text } of pieces) {
    const last = merged.at(-1);
    if (last?.kind === kind) last.text += text;
    else merged.push({ kind, text });
  }
  return merged;
}
