import { type FormEvent, useState } from "react";
import { useClient } from "urql";
import { Button } from "../controls/button";
import { TextInput } from "../controls/text-input";
import { explain } from "../graphql/client";
import { CREATE_NOTE, NOTE, type Note, UPDATE_NOTE } from "./documents";

interface NoteEditorProps {
  workspaceId: string;
  /** Absent: a new one. */
  note?: Note;
  onSaved: (id: string) => void;
  onClose: () => void;
}

interface Draft {
  path: string;
  title: string;
  body: string;
  tags: string;
}

interface Problem {
  message: string;
  /** The draft's field that it is about. */
  field?: string;
  isConflict?: boolean;
}

const EMPTY: Draft = { path: "", title: "", body: "", tags: "" };

/** Writes a note. What another one wrote meanwhile is not overwritten unseen. */
export function NoteEditor({ workspaceId, note, onSaved, onClose }: NoteEditorProps) {
  const [draft, setDraft] = useState<Draft>(note ? { ...note, tags: note.tags.join(", ") } : EMPTY);
  const [version, setVersion] = useState(note?.version ?? 0);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const save = useSave(workspaceId, note?.id, version);
  const set = (field: keyof Draft) => (value: string) => setDraft({ ...draft, [field]: value });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    const outcome = await save(draft);
    setBusy(false);
    if (typeof outcome === "string") onSaved(outcome);
    else setProblem(outcome);
  };
  const errorOf = (field: keyof Draft) => (problem?.field === field ? problem.message : null);
  return (
    <form className="note-editor" onSubmit={submit}>
      <h2 className="note-heading">{note ? "Edit note" : "New note"}</h2>
      {problem?.isConflict && note && (
        <Conflict note={note} onTake={setDraft} onKeep={setVersion} onDone={() => setProblem(null)} />
      )}
      {problem && !problem.isConflict && !problem.field && (
        <p className="notice notice-error" role="alert">
          {problem.message}
        </p>
      )}
      <TextInput
        label="Title"
        value={draft.title}
        onChange={set("title")}
        error={errorOf("title")}
        autoFocus
      />
      <TextInput
        label="Path"
        hint="Its place in the workspace, e.g. guides/setup"
        value={draft.path}
        onChange={set("path")}
        error={errorOf("path")}
      />
      <TextInput
        label="Tags"
        hint="Separated by commas"
        value={draft.tags}
        onChange={set("tags")}
        error={errorOf("tags")}
      />
      <TextInput
        label="Text (Markdown)"
        rows={16}
        value={draft.body}
        onChange={set("body")}
        error={errorOf("body")}
      />
      <footer className="dialog-footer">
        <Button onPress={onClose}>Cancel</Button>
        <Button type="submit" variant="primary" isPending={isBusy}>
          Save
        </Button>
      </footer>
    </form>
  );
}

/** Stores a draft; the note's ID, or why not. */
function useSave(workspaceId: string, noteId: string | undefined, expectedVersion: number) {
  const client = useClient();
  return async ({ path, title, body, tags: text }: Draft): Promise<string | Problem> => {
    const tags = text
      .split(",")
      .map((tag) => tag.trim())
      .filter(Boolean);
    if (!noteId) {
      const input = { workspaceId, path, title, body, tags };
      const { data, error } = await client.mutation(CREATE_NOTE, { input }).toPromise();
      if (data?.createNote.note) return data.createNote.note.id;
      return error ? { message: explain(error) } : problemOf(data?.createNote.userErrors ?? []);
    }
    const input = { noteId, expectedVersion, path, title, body, tags };
    const { data, error } = await client.mutation(UPDATE_NOTE, { input }).toPromise();
    if (data?.updateNote.note) return data.updateNote.note.id;
    const errors = data?.updateNote.userErrors ?? [];
    const isConflict = errors.some(
      ({ code, path }) => code === "CONFLICT" && path.includes("expectedVersion"),
    );
    return error ? { message: explain(error) } : { ...problemOf(errors), isConflict };
  };
}

function problemOf(errors: { message: string; path: string[] }[]): Problem {
  const [first] = errors;
  if (!first) return { message: "It was not saved." };
  const field = first.path.find((name) => name in EMPTY);
  return { message: `${first.message[0]?.toUpperCase()}${first.message.slice(1)}.`, field };
}

interface ConflictProps {
  note: Note;
  onTake: (draft: Draft) => void;
  onKeep: (version: number) => void;
  onDone: () => void;
}

/** Someone else saved first: their text or one's own, by choice. */
function Conflict({ note, onTake, onKeep, onDone }: ConflictProps) {
  const client = useClient();
  const theirs = async () => {
    const { data } = await client.query(NOTE, { id: note.id }).toPromise();
    return data?.node?.__typename === "Note" ? data.node : null;
  };
  const take = async () => {
    const found = await theirs();
    if (!found) return;
    onTake({ ...found, tags: found.tags.join(", ") });
    onKeep(found.version);
    onDone();
  };
  const keep = async () => {
    const found = await theirs();
    if (!found) return;
    onKeep(found.version);
    onDone();
  };
  return (
    <div className="notice notice-warning note-conflict" role="alert">
      <p>
        <strong>Someone saved this note meanwhile.</strong> Yours has not been stored, and is still below.
      </p>
      <div className="page-actions">
        <Button size="small" onPress={keep}>
          Keep mine: save again to replace theirs
        </Button>
        <Button size="small" onPress={take}>
          Take theirs: discard mine
        </Button>
      </div>
    </div>
  );
}
