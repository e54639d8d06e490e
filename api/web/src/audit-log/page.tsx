import { useMemo, useState } from "react";
import { useQuery } from "urql";
import { Button } from "../controls/button";
import { deferred } from "../controls/deferred";
import { EmptyState, ErrorState } from "../controls/states";
import { plural } from "../format/number";
import { navigate, useQueryString } from "../routing/router";
import type { Membership } from "../session/viewer";
import { type Field, withValues } from "./conditions";
import { type Entry, TOTAL } from "./documents";
import { EntryDetail } from "./entry-detail";
import { EntryGrid } from "./entry-grid";
import { FilterBar } from "./filter-bar";
import { FilterChips } from "./filter-chips";
import { Histogram } from "./histogram";
import { LiveControl } from "./live-control";
import { useEntries } from "./use-entries";
import { useTail } from "./use-tail";
import { canBeLive, fromQuery, resolve, toQuery, type View } from "./view";

// Loaded when the user starts an export.
const ExportDialog = deferred(() => import("../exports/export-dialog"));

/** The audit log explorer. */
export default function AuditLogPage({ membership }: { membership: Membership }) {
  const organizationId = membership.organization.id;
  const query = useQueryString();
  const view = useMemo(() => fromQuery(query), [query]);
  const key = toQuery({ ...view, entry: null });
  // Resolved once per view, since a range that ends now would change at each rendering.
  const filter = useMemo(() => resolve(fromQuery(key), Date.now()), [key]);
  const show = (next: View, replace = false) => navigate(location.pathname + toQuery(next), { replace });

  const list = useEntries(organizationId, filter, view.order);
  const [isPaused, setPaused] = useState(false);
  const [isExporting, setExporting] = useState(false);
  const [isAtTop, setAtTop] = useState(true);
  const isLive = canBeLive(view);
  const tail = useTail({
    organizationId,
    filter,
    isEnabled: isLive && list.isFresh,
    after: list.newest,
    isHeld: isPaused || !isAtTop,
    onEntries: list.prepend,
  });
  const [{ data: counted }] = useQuery({ query: TOTAL, variables: { organizationId, filter } });
  const total = counted && counted.auditLogs.totalCount + tail.shown;

  const open = (entry: Entry | undefined) => entry && show({ ...view, entry: entry.id }, view.entry !== null);
  const position = list.entries.findIndex(({ id }) => id === view.entry);
  const isEmpty = list.isFresh && !list.entries.length;
  return (
    <div className="page page-log">
      <header className="page-header">
        <div>
          <h1>Audit log</h1>
          <p className="page-lead">
            {total === undefined ? "\u00a0" : `${plural(total, "entry", "entries")}`}
          </p>
        </div>
        <div className="page-actions">
          {isLive && (
            <LiveControl
              tail={tail}
              isPaused={isPaused}
              isAtTop={isAtTop}
              onPause={setPaused}
              onCatchUp={tail.release}
            />
          )}
          <Button icon="exports" onPress={() => setExporting(true)}>
            Export
          </Button>
        </div>
      </header>
      <FilterBar organizationId={organizationId} view={view} onChange={show} />
      <FilterChips view={view} onChange={show} />
      <Histogram
        organizationId={organizationId}
        filter={filter}
        recorded={tail.shown}
        onChoose={(from, to) => show({ ...view, range: null, filter: { ...view.filter, from, to } })}
      />
      {list.error && !list.isFresh ? (
        <ErrorState message={list.error} onRetry={list.retry} />
      ) : isEmpty ? (
        <NothingFound isFiltered={key !== ""} onClear={() => show({ ...view, filter: {}, range: null })} />
      ) : (
        <EntryGrid
          entries={list.entries}
          hasMore={list.hasMore}
          isStale={!list.isFresh}
          viewKey={key}
          opened={view.entry}
          onNearEnd={list.loadMore}
          onOpen={open}
          onScroll={setAtTop}
        />
      )}
      {list.error && list.isFresh && (
        <p className="notice notice-error" role="alert">
          {list.error}{" "}
          <Button size="small" onPress={list.retry}>
            Try again
          </Button>
        </p>
      )}
      {isExporting && (
        <ExportDialog
          organizationId={organizationId}
          reader={membership.role}
          filter={filter}
          orderBy={view.order}
          onClose={() => setExporting(false)}
        />
      )}
      {view.entry && (
        <EntryDetail
          id={view.entry}
          onClose={() => show({ ...view, entry: null }, true)}
          onFilter={(field: Field, value) =>
            show({ ...view, entry: null, filter: withValues(view.filter, field, [value]) })
          }
          onPrevious={position > 0 ? () => open(list.entries[position - 1]) : undefined}
          onNext={
            position >= 0 && position < list.entries.length - 1
              ? () => open(list.entries[position + 1])
              : undefined
          }
        />
      )}
    </div>
  );
}

function NothingFound({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }) {
  if (!isFiltered) {
    return (
      <EmptyState icon="log" title="The log is empty">
        <p>Entries appear here when applications record them with the mutation recordAuditLogs.</p>
        <a href="/graphql">Record an entry in GraphiQL</a>
      </EmptyState>
    );
  }
  return (
    <EmptyState icon="search" title="No entry matches">
      <p>Widen the time range, or remove a condition.</p>
      <Button onPress={onClear}>Clear all filters</Button>
    </EmptyState>
  );
}
