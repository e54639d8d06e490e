import { type FormEvent, useState } from "react";
import { useClient } from "urql";
import { Button } from "../controls/button";
import { TextInput } from "../controls/text-input";
import { Time } from "../controls/time";
import { explain } from "../graphql/client";
import { leaving } from "../routing/guard";
import { CREATE_NOTE, NOTE, type Note, UPDATE_NOTE } from "./documents";
import type { Draft } from "./drafts";
import { LeaveDialog } from "./leave-dialog";
import { isField, useDraft } from "./use-draft";

interface NoteEditorProps {
  workspaceId: string;
  /** The note to edit; undefined for a new one. */
  note?: Note;
  /** ID of a note that was deleted while there was a draft of it. */
  deletedId?: string;
  onSaved: (id: string) => void;
  onClose: () => void;
}

interface Problem {
  message: string;
  /** The field of the draft that the problem is about. */
  field?: keyof Draft;
  kind?: "conflict" | "gone";
}

/** Edits a note, without silently overwriting what somebody else has saved meanwhile. */
export function NoteEditor({ workspaceId, note, deletedId, onSaved, onClose }: NoteEditorProps) {
  const editing = useDraft(workspaceId, note, deletedId);
  const { draft, isDirty, set } = editing;
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [isGone, setGone] = useState(deletedId !== undefined);
  const save = useSave(workspaceId, isGone ? undefined : note?.id, editing.version);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    const outcome = await save(draft);
    setBusy(false);
    if (typeof outcome === "string") {
      editing.end();
      return onSaved(outcome);
    }
    if (outcome.kind === "gone") setGone(true);
    setProblem(outcome);
  };
  const discard = () => {
    editing.end();
    onClose();
  };
  return (
    <form className="note-editor" onSubmit={submit}>
      {isDirty && <LeaveDialog isKept={editing.isKept} onDiscard={editing.end} />}
      <h2 className="note-heading">{note ? "Edit note" : "New note"}</h2>
      {isGone && (
        <p className="notice notice-warning" role="alert">
          This note has been deleted. Your text is below; save it to create the note again.
        </p>
      )}
      {editing.restoredAt && isDirty && <Restored at={editing.restoredAt} onDiscard={discard} />}
      {problem?.kind === "conflict" && note && (
        <Conflict note={note} onTake={editing.take} onKeep={editing.rebase} onDone={() => setProblem(null)} />
      )}
      {problem && !problem.kind && !problem.field && (
        <p className="notice notice-error" role="alert">
          {problem.message} Your text is still here.
        </p>
      )}
      <Fields draft={draft} set={set} problem={problem} />
      <footer className="dialog-footer">
        <Button onPress={() => leaving(onClose)}>Cancel</Button>
        <Button type="submit" variant="primary" isPending={isBusy}>
          Save
        </Button>
      </footer>
    </form>
  );
}

interface FieldsProps {
  draft: Draft;
  set: (field: keyof Draft) => (value: string) => void;
  problem: Problem | null;
}

function Fields({ draft, set, problem }: FieldsProps) {
  const of = (field: keyof Draft) => ({
    value: draft[field],
    onChange: set(field),
    error: problem?.field === field ? problem.message : null,
  });
  return (
    <>
      <TextInput label="Title" {...of("title")} autoFocus />
      <TextInput label="Path" hint="Location in the workspace, e.g. guides/setup" {...of("path")} />
      <TextInput label="Tags" hint="Separated by commas" {...of("tags")} />
      <TextInput label="Text (Markdown)" rows={16} {...of("body")} />
    </>
  );
}

/** Tells the user that the editor shows a restored draft instead of the saved note. */
function Restored({ at, onDiscard }: { at: string; onDiscard: () => void }) {
  return (
    <div className="notice note-conflict" role="status">
      <p>
        <strong>Your draft was restored.</strong> You wrote it on <Time value={at} />, and it is not saved.
      </p>
      <div className="page-actions">
        <Button size="small" onPress={onDiscard}>
          Discard the draft
        </Button>
      </div>
    </div>
  );
}

/** Saves a draft; returns the note's ID, or the problem. */
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
    if (error) return { message: explain(error) };
    const refusal = errors.find(({ path }) => path.includes("expectedVersion") || path.includes("noteId"));
    const kind = refusal && (refusal.code === "CONFLICT" ? "conflict" : "gone");
    return { ...problemOf(errors), kind };
  };
}

function problemOf(errors: { message: string; path: string[] }[]): Problem {
  const [first] = errors;
  if (!first) return { message: "The note was not saved." };
  const field = first.path.find(isField);
  return { message: `${first.message[0]?.toUpperCase()}${first.message.slice(1)}.`, field };
}

interface ConflictProps {
  note: Note;
  onTake: (note: Note) => void;
  onKeep: (version: number) => void;
  onDone: () => void;
}

/** Lets the user choose between their own text and the one that somebody else saved first. */
function Conflict({ note, onTake, onKeep, onDone }: ConflictProps) {
  const client = useClient();
  const theirs = async () => {
    const { data } = await client.query(NOTE, { id: note.id }).toPromise();
    return data?.node?.__typename === "Note" ? data.node : null;
  };
  const take = async () => {
    const found = await theirs();
    if (!found) return;
    onTake(found);
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
        <strong>Someone else has saved this note.</strong> Your text is not saved yet, and still below.
      </p>
      <div className="page-actions">
        <Button size="small" onPress={keep}>
          Keep mine: save again to replace their text
        </Button>
        <Button size="small" onPress={take}>
          Take theirs: discard my text
        </Button>
      </div>
    </div>
  );
}
