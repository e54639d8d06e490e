/** The entries of a view, page by page. */
import { useCallback, useEffect, useRef, useState } from "react";
import { useClient } from "urql";
import { explain } from "../graphql/client";
import type { AuditLogFilter, AuditLogOrder } from "../graphql/generated/graphql";
import { ENTRIES, type Entry } from "./documents";

export interface Entries {
  entries: Entry[];
  /** From where live updates go on; null while that is unknown. */
  newest: string | null;
  hasMore: boolean;
  /** Nothing of this view has arrived yet; what is shown may be of the one before. */
  isFresh: boolean;
  error: string | null;
  loadMore: () => void;
  retry: () => void;
  /** Puts entries before the first one. */
  prepend: (recorded: Entry[]) => void;
}

interface Loaded {
  /** Of which view. */
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
  /** The view and position that are being asked for. */
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
      // Another view was chosen meanwhile.
      if (pending.current !== request) return;
      pending.current = null;
      if (error || !data)
        return setFailure({ key, message: error ? explain(error) : "The answer was empty." });
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
