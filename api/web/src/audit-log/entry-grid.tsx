import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { Skeleton } from "../controls/states";
import type { Entry } from "./documents";
import { EntryRow } from "./entry-row";
import { useWindow } from "./use-window";

/** Number of placeholder rows for entries that are being loaded. */
const PLACEHOLDERS = 12;
/** Number of rows before the end at which the next page is requested. */
const PREFETCH_ROWS = 60;

interface EntryGridProps {
  entries: Entry[];
  hasMore: boolean;
  isStale: boolean;
  /** Changes if another list is to be shown from its top. */
  viewKey: string;
  /** ID of the open entry, which becomes the active row when it closes. */
  opened: string | null;
  onNearEnd: () => void;
  onOpen: (entry: Entry) => void;
  onScroll: (isAtTop: boolean) => void;
}

/** A grid of any number of entries; only the visible ones are in the document. */
export function EntryGrid({
  entries,
  hasMore,
  isStale,
  viewKey,
  opened,
  onNearEnd,
  onOpen,
  onScroll,
}: EntryGridProps) {
  const body = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<string | null>(null);
  const total = entries.length + (hasMore ? PLACEHOLDERS : 0);
  const { first, last, rowHeight, scrollTo } = useWindow(body, total);

  useEffect(() => {
    if (hasMore && last > entries.length - PREFETCH_ROWS) onNearEnd();
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another view begins at its top
  useEffect(() => {
    body.current?.scrollTo({ top: 0 });
    setActive(null);
  }, [viewKey]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another entry was opened
  useEffect(() => {
    const index = entries.findIndex(({ id }) => id === opened);
    if (index < 0) return;
    setActive(opened);
    scrollTo(index);
  }, [opened]);

  const move = (event: KeyboardEvent) => {
    const current = entries.findIndex(({ id }) => id === active);
    const page = Math.max(1, Math.floor((body.current?.clientHeight ?? 0) / rowHeight) - 1);
    const steps: Record<string, number> = {
      ArrowDown: current + 1,
      ArrowUp: Math.max(0, current - 1),
      PageDown: current + page,
      PageUp: Math.max(0, current - page),
      Home: 0,
      End: entries.length - 1,
    };
    const next = steps[event.key];
    const entry = event.key === "Enter" ? entries[current] : undefined;
    if (entry) onOpen(entry);
    if (next === undefined) return;
    event.preventDefault();
    const target = Math.min(next, entries.length - 1);
    setActive(entries[target]?.id ?? null);
    scrollTo(target);
  };

  const rows = [];
  for (let index = first; index < last; index++) {
    const entry = entries[index];
    const offset = index * rowHeight;
    rows.push(
      entry ? (
        <EntryRow
          key={entry.id}
          entry={entry}
          index={index}
          offset={offset}
          isActive={entry.id === active}
          onOpen={onOpen}
        />
      ) : (
        <div
          key={`placeholder-${index}`}
          className="entry-row"
          style={{ transform: `translateY(${offset}px)` }}
        >
          <Skeleton width={`${30 + ((index * 37) % 50)}%`} />
        </div>
      ),
    );
  }
  return (
    <div
      ref={body}
      className={`entry-grid ${isStale ? "is-stale" : ""}`}
      role="grid"
      tabIndex={0}
      aria-label="Audit log entries; arrow keys move, Enter opens"
      aria-rowcount={hasMore ? -1 : entries.length + 1}
      aria-busy={isStale}
      aria-activedescendant={active ? `entry-${active}` : undefined}
      onKeyDown={move}
      onScroll={(event) => onScroll(event.currentTarget.scrollTop < rowHeight)}
    >
      <div className="entry-head" role="row" aria-rowindex={1}>
        {["Time", "Actor", "Action", "Resource", "Outcome"].map((name) => (
          <span key={name} role="columnheader">
            {name}
          </span>
        ))}
      </div>
      <div className="entry-space" role="rowgroup" style={{ height: total * rowHeight }}>
        {rows}
      </div>
    </div>
  );
}
