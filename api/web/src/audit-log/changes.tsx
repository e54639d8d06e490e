import { Recorded } from "../controls/recorded";
import { isNumber, print } from "../graphql/exact-numbers";
import { diff, lines, type Piece, words } from "./diff";

export interface Change {
  field: string;
  old?: unknown;
  new?: unknown;
}

/** Table of changed fields, before and after, with the differences marked. */
export function Changes({ changes }: { changes: Change[] }) {
  return (
    <table className="changes">
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {changes.map((change, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a field may be named twice, and nothing moves
          <Row key={index} change={change} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ change }: { change: Change }) {
  const pieces = isComparable(change) ? compare(change.old, change.new) : null;
  return (
    <tr>
      <th scope="row" className="mono">
        <Recorded text={change.field} />
      </th>
      <td data-label="Before">
        <Value value={change.old} pieces={pieces} side="removed" />
      </td>
      <td data-label="After">
        <Value value={change.new} pieces={pieces} side="added" />
      </td>
    </tr>
  );
}

/** One side of a change. Text that the other side does not have is marked by a line and by color. */
function Value({
  value,
  pieces,
  side,
}: {
  value: unknown;
  pieces: Piece[] | null;
  side: "removed" | "added";
}) {
  if (value === null || value === undefined) return <span className="changes-none">none</span>;
  const Mark = side === "removed" ? "del" : "ins";
  if (!pieces)
    return (
      <Mark className="mono changes-text">
        <Recorded text={written(value)} />
      </Mark>
    );
  return (
    <span className="mono changes-text">
      {pieces.map((piece, index) => {
        // biome-ignore lint/suspicious/noArrayIndexKey: nothing moves
        if (piece.kind === "same") return <Recorded key={index} text={piece.text} />;
        if (piece.kind !== side) return null;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: nothing moves
          <Mark key={index}>
            <Recorded text={piece.text} />
          </Mark>
        );
      })}
    </span>
  );
}

function isComparable({ old, new: now }: Change): boolean {
  return [old, now].every(
    (value) =>
      (typeof value === "string" && !isNumber(value)) || (typeof value === "object" && value !== null),
  );
}

function compare(old: unknown, now: unknown): Piece[] {
  const cut = typeof old === "string" && typeof now === "string" ? words : lines;
  return diff(cut(written(old)), cut(written(now)));
}

/** A text as it is, and other values as JSON. */
function written(value: unknown): string {
  return typeof value === "string" && !isNumber(value) ? value : print(value);
}
