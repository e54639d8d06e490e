/** Follows new entries, and holds them back while the reader looks at others. */
import { useCallback, useEffect, useRef, useState } from "react";
import { useClient } from "urql";
import { explain } from "../graphql/client";
import type { AuditLogFilter } from "../graphql/generated/graphql";
import { type Entry, RECORDED } from "./documents";

/** Interval between updates of the list; long enough that many entries do not freeze the page. */
const FLUSH_INTERVAL_MS = 120;

interface TailOptions {
  organizationId: string;
  filter: AuditLogFilter;
  /** Follows new entries only while this is true. */
  isEnabled: boolean;
  /** Cursor of the entry after which to continue. */
  after: string | null;
  isHeld: boolean;
  onEntries: (newestFirst: Entry[]) => void;
}

export interface Tail {
  /** Number of entries that are held back. */
  waiting: number;
  /** Number of new entries that have been shown since the view was opened. */
  shown: number;
  error: string | null;
  release: () => void;
}

export function useTail({ organizationId, filter, isEnabled, after, isHeld, onEntries }: TailOptions): Tail {
  const client = useClient();
  const held = useRef<Entry[]>([]);
  const [waiting, setWaiting] = useState(0);
  const [shown, setShown] = useState(0);
  const [error, setError] = useState<string | null>(null);
  const key = JSON.stringify([organizationId, filter]);

  const release = useCallback(() => {
    const entries = held.current;
    held.current = [];
    setWaiting(0);
    if (!entries.length) return;
    setShown((before) => before + entries.length);
    onEntries(entries.reverse());
  }, [onEntries]);

  useEffect(() => {
    if (!isEnabled) return;
    held.current = [];
    setWaiting(0);
    setShown(0);
    setError(null);
    const [organizationId, filter] = JSON.parse(key);
    const { unsubscribe } = client
      .subscription(RECORDED, { organizationId, filter, after })
      .subscribe(({ data, error }) => {
        if (error) setError(explain(error));
        if (!data) return;
        held.current.push(data.auditLogRecorded.node);
      });
    return unsubscribe;
  }, [client, key, isEnabled, after]);

  useEffect(() => {
    const timer = setInterval(() => {
      if (isHeld) setWaiting(held.current.length);
      else if (held.current.length) release();
    }, FLUSH_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [isHeld, release]);

  return { waiting, shown, error, release };
}
