import { useState } from "react";
import { Button } from "../controls/button";
import { EmptyState, ErrorState, Skeleton } from "../controls/states";
import { plural } from "../format/number";
import { Link } from "../routing/link";
import { navigate } from "../routing/router";
import type { NoteRow, Workspace } from "./documents";
import { NoteEditor } from "./note-editor";
import { NoteView } from "./note-view";
import { useNotes } from "./use-pages";

/** A list of notes by their place, and the one that is open beside it. */
export function WorkspaceView({ workspace, noteId }: { workspace: Workspace; noteId: string | null }) {
  const { items: notes, error, isCut, reload } = useNotes(workspace.id);
  const [isCreating, setCreating] = useState(false);
  const hrefOf = (id: string | null) => {
    const parameters = new URLSearchParams({ workspace: workspace.id });
    if (id) parameters.set("note", id);
    return `${location.pathname}?${parameters}`;
  };
  if (error) return <ErrorState message={error} onRetry={reload} />;
  const finish = (id: string | null) => {
    setCreating(false);
    reload();
    navigate(hrefOf(id));
  };
  const isOpen = isCreating || noteId !== null;
  return (
    <div className={`notes ${isOpen ? "is-open" : ""}`}>
      <nav className="note-list card" aria-label={`Notes of ${workspace.name}`}>
        <div className="note-list-head">
          <span>
            <strong>{workspace.name}</strong>{" "}
            <span className="muted">{notes && plural(notes.length, "note")}</span>
          </span>
          <Button size="small" icon="plus" onPress={() => setCreating(true)}>
            New note
          </Button>
        </div>
        {!notes && <Skeleton width="80%" />}
        {notes && (
          <Rows
            notes={notes}
            current={isCreating ? null : noteId}
            hrefOf={hrefOf}
            onOpen={() => setCreating(false)}
          />
        )}
        {isCut && <p className="muted note-row">More notes follow; their paths sort after these.</p>}
      </nav>
      <section className="note-pane card" aria-label="Note">
        {isCreating ? (
          <NoteEditor workspaceId={workspace.id} onSaved={finish} onClose={() => setCreating(false)} />
        ) : noteId ? (
          <NoteView
            key={noteId}
            id={noteId}
            listHref={hrefOf(null)}
            hrefAt={(path) => {
              const note = notes?.find((one) => one.path === path);
              return note ? hrefOf(note.id) : null;
            }}
            onChanged={reload}
            onDeleted={() => finish(null)}
          />
        ) : (
          <EmptyState icon="notes" title={notes?.length === 0 ? "No notes yet" : "Choose a note"}>
            <p>{notes?.length === 0 ? "Write the first one." : "It opens here."}</p>
          </EmptyState>
        )}
      </section>
    </div>
  );
}

interface RowsProps {
  notes: NoteRow[];
  current: string | null;
  hrefOf: (id: string) => string;
  onOpen: () => void;
}

function Rows({ notes, current, hrefOf, onOpen }: RowsProps) {
  return (
    <ul>
      {notes.map(({ id, title, path }) => (
        <li key={id}>
          <Link
            className="note-row"
            href={hrefOf(id)}
            onClick={onOpen}
            aria-current={id === current ? "page" : undefined}
          >
            <span className="note-title">{title}</span>
            <span className="mono muted note-path">{path}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
