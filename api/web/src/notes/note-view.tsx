import { useEffect, useRef, useState } from "react";
import { useClient, useQuery } from "urql";
import { Button } from "../controls/button";
import { deferred } from "../controls/deferred";
import { Overlay } from "../controls/dialog";
import { EmptyState, ErrorState, Skeleton } from "../controls/states";
import { Time } from "../controls/time";
import { explain } from "../graphql/client";
import { Link } from "../routing/link";
import { hasNavigated } from "../routing/router";
import { useViewer } from "../session/viewer";
import { DELETE_NOTE, NOTE, type Note } from "./documents";
import { keptDraft } from "./drafts";
import { NoteEditor } from "./note-editor";
import { target } from "./target";

const Markdown = deferred(() => import("./markdown"), <Skeleton width="70%" />);

interface NoteViewProps {
  id: string;
  workspaceId: string;
  /** Link to the list of notes, for screens that are too small for both. */
  listHref: string;
  /** Returns the link to the note at a path, if there is one. */
  hrefAt: (path: string) => string | null;
  onChanged: () => void;
  onDeleted: () => void;
  /** Called if a deleted note was created again under another ID. */
  onMoved: (id: string) => void;
}

export function NoteView(props: NoteViewProps) {
  const { id, workspaceId, listHref, hrefAt, onChanged, onDeleted, onMoved } = props;
  const [{ data, error }, reload] = useQuery({ query: NOTE, variables: { id } });
  const { subject } = useViewer();
  const hasDraft = keptDraft({ subject, workspaceId }, id) !== null;
  // A user who returns to a draft continues to edit it.
  const [isEditing, setEditing] = useState(hasDraft);
  if (error && !data) return <ErrorState message={explain(error)} onRetry={reload} />;
  if (!data) return <Skeleton width="60%" />;
  if (data.node?.__typename !== "Note") {
    if (isEditing)
      return <NoteEditor workspaceId={workspaceId} deletedId={id} onClose={onDeleted} onSaved={onMoved} />;
    return (
      <EmptyState icon="search" title="Note not found">
        <p>It was deleted, or the link is incomplete.</p>
      </EmptyState>
    );
  }
  const note = data.node;
  if (isEditing) {
    return (
      <NoteEditor
        workspaceId={note.workspace.id}
        note={note}
        onClose={() => setEditing(false)}
        onSaved={(saved) => {
          if (saved !== id) return onMoved(saved);
          setEditing(false);
          reload();
          onChanged();
        }}
      />
    );
  }
  return (
    <article className="note">
      <Link className="note-back" href={listHref}>
        All notes
      </Link>
      <header className="note-header">
        <div>
          <Title text={note.title} />
          <p className="muted">
            <span className="mono">{note.path}</span> · version {note.version} ·{" "}
            <Time value={note.updatedAt} />
          </p>
        </div>
        <div className="page-actions">
          <Button size="small" icon="edit" onPress={() => setEditing(true)}>
            Edit
          </Button>
          <DeleteNote note={note} onDeleted={onDeleted} />
        </div>
      </header>
      {hasDraft && (
        <div className="notice note-conflict">
          <p>You have an unsaved draft of this note.</p>
          <div className="page-actions">
            <Button size="small" onPress={() => setEditing(true)}>
              Continue editing
            </Button>
          </div>
        </div>
      )}
      {note.tags.length > 0 && (
        <p>
          {note.tags.map((tag) => (
            <span key={tag} className="tag">
              {tag}
            </span>
          ))}
        </p>
      )}
      <Markdown
        text={note.body}
        findNote={(url) => {
          const path = target(note.path, url);
          return path === null ? null : (hrefAt(path) ?? hrefAt(path.replace(/\.md$/, "")));
        }}
      />
    </article>
  );
}

/** Title of the note, which is scrolled into view and focused when the user opens the note. */
function Title({ text }: { text: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!hasNavigated()) return;
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: "start" });
  }, []);
  return (
    <h2 ref={heading} className="note-heading" tabIndex={-1}>
      {text}
    </h2>
  );
}

function DeleteNote({ note, onDeleted }: { note: Note; onDeleted: () => void }) {
  const client = useClient();
  const [isAsking, setAsking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const remove = async () => {
    const { data, error } = await client.mutation(DELETE_NOTE, { input: { noteId: note.id } }).toPromise();
    if (data?.deleteNote.deletedNoteId) return onDeleted();
    setProblem(
      error ? explain(error) : (data?.deleteNote.userErrors[0]?.message ?? "The note was not deleted."),
    );
  };
  return (
    <>
      <Button size="small" icon="trash" onPress={() => setAsking(true)}>
        Delete
      </Button>
      <Overlay title="Delete this note?" isOpen={isAsking} onClose={() => setAsking(false)}>
        <div className="dialog-content">
          <p>“{note.title}” will be deleted. The audit log records who deleted it.</p>
          {problem && (
            <p className="notice notice-error" role="alert">
              {problem}
            </p>
          )}
          <footer className="dialog-footer">
            <Button onPress={() => setAsking(false)}>Cancel</Button>
            <Button variant="danger" onPress={remove}>
              Delete
            </Button>
          </footer>
        </div>
      </Overlay>
    </>
  );
}
