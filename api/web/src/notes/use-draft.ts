/** State of a draft while it is edited. */
import { useEffect, useRef, useState } from "react";
import { release } from "../routing/guard";
import { useViewer } from "../session/viewer";
import type { Note } from "./documents";
import { type Draft, discard, keep, keptDraft, NEW } from "./drafts";

const EMPTY: Draft = { path: "", title: "", body: "", tags: "" };

export const isField = (name: string): name is keyof Draft => name in EMPTY;

/** Field values of the editor for a note. */
export function draftOf(note: Note | undefined): Draft {
  if (!note) return EMPTY;
  const { path, title, body, tags } = note;
  return { path, title, body, tags: tags.join(", ") };
}

interface Base {
  draft: Draft;
  version: number;
}

/** Edits a note or a new one, starting with the kept draft if there is one. */
export function useDraft(workspaceId: string, note: Note | undefined, id: string = note?.id ?? NEW) {
  const { subject } = useViewer();
  const [found] = useState(() => keptDraft({ subject, workspaceId }, id));
  const [base, setBase] = useState<Base>({ draft: draftOf(note), version: note?.version ?? 0 });
  const [draft, setDraft] = useState(found?.draft ?? base.draft);
  const [version, setVersion] = useState(found?.version ?? base.version);
  const [restoredAt, setRestoredAt] = useState(found?.at ?? null);
  const [isKept, setKept] = useState(true);
  /** True once the draft is saved or discarded, so that it is not kept again. */
  const isDone = useRef(false);
  const isDirty = !isSame(draft, base.draft);
  useEffect(() => {
    if (isDone.current) return;
    const desk = { subject, workspaceId };
    if (isDirty) setKept(keep(desk, id, { draft, version, at: new Date().toISOString() }));
    else discard(desk, id);
  }, [draft, version, isDirty, subject, workspaceId, id]);
  return {
    draft,
    version,
    isDirty,
    /** False if the browser's storage is full. */
    isKept,
    /** Time of the restored draft; null if none was restored. */
    restoredAt,
    set: (field: keyof Draft) => (value: string) => setDraft((before) => ({ ...before, [field]: value })),
    /** Bases the draft on a version that somebody else has saved. */
    rebase: (next: number) => setVersion(next),
    /** Replaces the draft with a saved note. */
    take: (next: Note | undefined) => {
      const taken = { draft: draftOf(next), version: next?.version ?? 0 };
      setBase(taken);
      setDraft(taken.draft);
      setVersion(taken.version);
      setRestoredAt(null);
    },
    /** Deletes the draft permanently. */
    end: () => {
      isDone.current = true;
      release();
      discard({ subject, workspaceId }, id);
    },
  };
}

function isSame(one: Draft, other: Draft): boolean {
  return (Object.keys(EMPTY) as (keyof Draft)[]).every((field) => one[field] === other[field]);
}
