/** Loads the entries of a view, page by page. */
import { useCallback, useEffect, useRef, useState } from "react";
import { useClient } from "urql";
import { explain } from "../graphql/client";
import type { AuditLogFilter, AuditLogOrder } from "../graphql/generated/graphql";
import { ENTRIES, type Entry } from "./documents";

export interface Entries {
  entries: Entry[];
  /** Cursor from which live updates continue; null while it is unknown. */
  newest: string | null;
  hasMore: boolean;
  /** True once entries of this view have arrived; until then the previous view may be shown. */
  isFresh: boolean;
  error: string | null;
  loadMore: () => void;
  retry: () => void;
  /** Adds entries before the first one. */
  prepend: (recorded: Entry[]) => void;
}

interface Loaded {
  /** Key of the view that the entries belong to. */
  key: string;
  entries: Entry[];
  newest: string | null;
  end: string | null;
  hasMore: boolean;
}

const NOTHING: Loaded = { key: "", entries: [], newest: null, end: null, hasMore: true };

export function useEntries(organizationId: string, filter: AuditLogFilter, orderBy: AuditLogOrder): Entries {
  const client = useClient();
  const key = JSON.stringify([organizationId, filter, orderBy]);
  const [loaded, setLoaded] = useState(NOTHING);
  const [failure, setFailure] = useState<{ key: string; message: string } | null>(null);
  /** View and position that are being loaded. */
  const pending = useRef<string | null>(null);

  const load = useCallback(
    async (after: string | null) => {
      const [organizationId, filter, orderBy] = JSON.parse(key);
      const request = `${key} ${after}`;
      if (pending.current === request) return;
      pending.current = request;
      const { data, error } = await client
        .query(ENTRIES, { organizationId, filter, orderBy, after })
        .toPromise();
      // The user has chosen another view meanwhile.
      if (pending.current !== request) return;
      pending.current = null;
      if (error || !data)
        return setFailure({ key, message: error ? explain(error) : "The server's response was empty." });
      const { edges, pageInfo, tailCursor } = data.auditLogs;
      const page = edges.map(({ node }) => node);
      setFailure(null);
      setLoaded((before) => ({
        key,
        entries: after ? [...before.entries, ...page] : page,
        newest: after ? before.newest : (edges[0]?.cursor ?? tailCursor),
        end: pageInfo.endCursor ?? null,
        hasMore: pageInfo.hasNextPage,
      }));
    },
    [client, key],
  );
  useEffect(() => {
    void load(null);
  }, [load]);

  const isFresh = loaded.key === key;
  const error = failure?.key === key ? failure.message : null;
  return {
    entries: loaded.entries,
    newest: isFresh ? loaded.newest : null,
    hasMore: loaded.hasMore,
    isFresh,
    error,
    loadMore: () => {
      if (isFresh && loaded.hasMore && !error) void load(loaded.end);
    },
    retry: () => void load(isFresh ? loaded.end : null),
    prepend: useCallback(
      (recorded: Entry[]) =>
        setLoaded((before) => ({ ...before, entries: [...recorded, ...before.entries] })),
      [],
    ),
  };
}
