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
  /** Where the list is, on screens that have no room for both. */
  listHref: string;
  /** Where the note at a path is, if there is one. */
  hrefAt: (path: string) => string | null;
  onChanged: () => void;
  onDeleted: () => void;
  /** It was deleted, and made anew under another ID. */
  onMoved: (id: string) => void;
}

export function NoteView(props: NoteViewProps) {
  const { id, workspaceId, listHref, hrefAt, onChanged, onDeleted, onMoved } = props;
  const [{ data, error }, reload] = useQuery({ query: NOTE, variables: { id } });
  const { subject } = useViewer();
  const hasDraft = keptDraft({ subject, workspaceId }, id) !== null;
  // Whoever comes back to a draft goes on with it.
  const [isEditing, setEditing] = useState(hasDraft);
  if (error && !data) return <ErrorState message={explain(error)} onRetry={reload} />;
  if (!data) return <Skeleton width="60%" />;
  if (data.node?.__typename !== "Note") {
    if (isEditing)
      return <NoteEditor workspaceId={workspaceId} deletedId={id} onClose={onDeleted} onSaved={onMoved} />;
    return (
      <EmptyState icon="search" title="There is no such note">
        <p>It was deleted, or the link to it is incomplete.</p>
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
          <p>You have a draft of this note that is not saved.</p>
          <div className="page-actions">
            <Button size="small" onPress={() => setEditing(true)}>
              Continue writing
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

/** Where whoever has opened the note begins to read: in sight, and with the focus. */
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
    setProblem(error ? explain(error) : (data?.deleteNote.userErrors[0]?.message ?? "It was not deleted."));
  };
  return (
    <>
      <Button size="small" icon="trash" onPress={() => setAsking(true)}>
        Delete
      </Button>
      <Overlay title="Delete this note?" isOpen={isAsking} onClose={() => setAsking(false)}>
        <div className="dialog-content">
          <p>“{note.title}” will be gone. The audit log keeps that it was there, and who deleted it.</p>
          {problem && (
            <p className="notice notice-error" role="alert">
              {problem}
            </p>
          )}
          <footer className="dialog-footer">
            <Button onPress={() => setAsking(false)}>Keep it</Button>
            <Button variant="danger" onPress={remove}>
              Delete
            </Button>
          </footer>
        </div>
      </Overlay>
    </>
  );
}
