/** Lists that are loaded completely, page by page. */
import { useCallback, useEffect, useState } from "react";
import { useClient } from "urql";
import { explain } from "../graphql/client";
import { NOTES, type NoteRow, WORKSPACES, type Workspace } from "./documents";

/** Maximum number of pages of 100 items; the app reports that further items are left out. */
const MAX_PAGES = 50;

export interface Listed<T> {
  items: T[] | null;
  error: string | null;
  isCut: boolean;
  reload: () => void;
}

interface Page<T> {
  nodes: T[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}

type Ask<T> = (after: string | null) => Promise<Page<T> | string>;

function useListed<T>(ask: Ask<T>): Listed<T> {
  const [state, setState] = useState<{ items: T[] | null; error: string | null; isCut: boolean }>(NOTHING);
  const load = useCallback(async () => {
    const items: T[] = [];
    let after: string | null = null;
    for (let number = 0; number < MAX_PAGES; number++) {
      const page: Page<T> | string = await ask(after);
      if (typeof page === "string") return setState({ items: null, error: page, isCut: false });
      items.push(...page.nodes);
      after = page.pageInfo.endCursor ?? null;
      if (!page.pageInfo.hasNextPage) return setState({ items, error: null, isCut: false });
    }
    setState({ items, error: null, isCut: true });
  }, [ask]);
  useEffect(() => {
    setState(NOTHING);
    void load();
  }, [load]);
  return { ...state, reload: () => void load() };
}

const NOTHING = { items: null, error: null, isCut: false };

export function useWorkspaces(organizationId: string): Listed<Workspace> {
  const client = useClient();
  const ask = useCallback(
    async (after: string | null) => {
      const { data, error } = await client.query(WORKSPACES, { id: organizationId, after }).toPromise();
      return (
        data?.organization?.workspaces ?? (error ? explain(error) : "The organization no longer exists.")
      );
    },
    [client, organizationId],
  );
  return useListed<Workspace>(ask);
}

export function useNotes(workspaceId: string): Listed<NoteRow> {
  const client = useClient();
  const ask = useCallback(
    async (after: string | null) => {
      const { data, error } = await client.query(NOTES, { id: workspaceId, after }).toPromise();
      if (data?.node?.__typename === "Workspace") return data.node.notes;
      return error ? explain(error) : "The workspace no longer exists.";
    },
    [client, workspaceId],
  );
  return useListed<NoteRow>(ask);
}
