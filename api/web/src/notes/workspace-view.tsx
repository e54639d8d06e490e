import { type RefObject, useEffect, useRef } from "react";
import { Button } from "../controls/button";
import { EmptyState, ErrorState, Skeleton } from "../controls/states";
import { plural } from "../format/number";
import { Link } from "../routing/link";
import { navigate } from "../routing/router";
import { useViewer } from "../session/viewer";
import type { NoteRow, Workspace } from "./documents";
import { draftIds, NEW } from "./drafts";
import { NoteEditor } from "./note-editor";
import { NoteView } from "./note-view";
import { useNotes } from "./use-pages";

/** The notes of a workspace by path, and the open note next to them. */
export function WorkspaceView({ workspace, noteId }: { workspace: Workspace; noteId: string | null }) {
  const { items: notes, error, isCut, reload } = useNotes(workspace.id);
  const { subject } = useViewer();
  const list = useRef<HTMLElement>(null);
  useWayBack(list, noteId);
  const hrefOf = (id: string | null) => {
    const parameters = new URLSearchParams({ workspace: workspace.id });
    if (id) parameters.set("note", id);
    return `${location.pathname}?${parameters}`;
  };
  const finish = (id: string | null) => {
    reload();
    navigate(hrefOf(id));
  };
  const drafts = draftIds({ subject, workspaceId: workspace.id });
  const close = () => navigate(hrefOf(null));
  return (
    <div className={`notes ${noteId === null ? "" : "is-open"}`}>
      <nav ref={list} className="note-list card" aria-label={`Notes of ${workspace.name}`}>
        <div className="note-list-head">
          <span>
            <strong>{workspace.name}</strong>{" "}
            <span className="muted">{notes && plural(notes.length, "note")}</span>
          </span>
          <Button size="small" icon="plus" onPress={() => navigate(hrefOf(NEW))}>
            New note
          </Button>
        </div>
        {error && <ErrorState message={error} onRetry={reload} />}
        {!error && !notes && <Skeleton width="80%" />}
        {drafts.has(NEW) && noteId !== NEW && (
          <Link className="note-row" href={hrefOf(NEW)}>
            <span className="note-title">
              New note <span className="tag">draft</span>
            </span>
          </Link>
        )}
        {notes && <Rows notes={notes} drafts={drafts} current={noteId} hrefOf={hrefOf} />}
        {isCut && <p className="muted note-row">There are more notes than this list can show.</p>}
      </nav>
      <section className="note-pane card" aria-label="Note">
        {noteId === NEW && <NoteEditor workspaceId={workspace.id} onSaved={finish} onClose={close} />}
        {noteId && noteId !== NEW && (
          <NoteView
            key={noteId}
            id={noteId}
            workspaceId={workspace.id}
            listHref={hrefOf(null)}
            hrefAt={(path) => {
              const note = notes?.find((one) => one.path === path);
              return note ? hrefOf(note.id) : null;
            }}
            onChanged={reload}
            onDeleted={() => finish(null)}
            onMoved={finish}
          />
        )}
        {noteId === null && (
          <EmptyState icon="notes" title={notes?.length === 0 ? "No notes yet" : "Choose a note"}>
            <p>{notes?.length === 0 ? "Write the first one." : "It opens here."}</p>
          </EmptyState>
        )}
      </section>
    </div>
  );
}

/** Focuses the row of a note again after the user has closed the note. */
function useWayBack(list: RefObject<HTMLElement | null>, noteId: string | null) {
  const last = useRef<string | null>(null);
  useEffect(() => {
    const was = last.current;
    last.current = noteId;
    if (noteId !== null || was === null) return;
    const row = rowOf(list.current, was);
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "center" });
  }, [list, noteId]);
}

function rowOf(list: HTMLElement | null, id: string): HTMLElement | null {
  return list?.querySelector<HTMLElement>(`[data-note="${CSS.escape(id)}"]`) ?? null;
}

interface RowsProps {
  notes: NoteRow[];
  drafts: Set<string>;
  current: string | null;
  hrefOf: (id: string) => string;
}

function Rows({ notes, drafts, current, hrefOf }: RowsProps) {
  const open = useRef<HTMLAnchorElement>(null);
  // Needed if a link opens a note far down the list.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another note has another row
  useEffect(() => {
    open.current?.scrollIntoView({ block: "nearest" });
  }, [current]);
  return (
    <ul>
      {notes.map(({ id, title, path }) => (
        <li key={id}>
          <Link
            className="note-row"
            href={hrefOf(id)}
            data-note={id}
            ref={id === current ? open : undefined}
            aria-current={id === current ? "page" : undefined}
          >
            <span className="note-title">
              {title}
              {drafts.has(id) && <span className="tag">draft</span>}
            </span>
            <span className="mono muted note-path">{path}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
