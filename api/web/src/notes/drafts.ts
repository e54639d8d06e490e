/** Drafts of unsaved notes, kept in this tab until they are saved or discarded. */

export interface Draft {
  path: string;
  title: string;
  body: string;
  tags: string;
}

export interface Kept {
  draft: Draft;
  /** Version of the note that the draft is based on; 0 for a new note. */
  version: number;
  /** Time of the last change to the draft. */
  at: string;
}

/** Stands for the ID of a note that has not been created yet. */
export const NEW = "new";
const PREFIX = "daybook.draft ";

/** User and workspace of a draft. Another user who signs in in this tab does not see it. */
export interface Desk {
  subject: string;
  workspaceId: string;
}

const start = ({ subject, workspaceId }: Desk) => `${PREFIX}${encodeURIComponent(subject)} ${workspaceId} `;

export function keep(desk: Desk, id: string, kept: Kept): boolean {
  try {
    sessionStorage.setItem(start(desk) + id, JSON.stringify(kept));
    return true;
  } catch {
    // The browser's storage is full. An older draft would be mistaken for the current text.
    discard(desk, id);
    return false;
  }
}

export function keptDraft(desk: Desk, id: string): Kept | null {
  const text = sessionStorage.getItem(start(desk) + id);
  return text === null ? null : (JSON.parse(text) as Kept);
}

export function discard(desk: Desk, id: string): void {
  sessionStorage.removeItem(start(desk) + id);
}

/** IDs of the notes that have drafts. */
export function draftIds(desk: Desk): Set<string> {
  const prefix = start(desk);
  return new Set(keys().flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : [])));
}

/** Number of drafts in this tab, of all users. */
export function countDrafts(): number {
  return keys().length;
}

export function discardAll(): void {
  for (const key of keys()) sessionStorage.removeItem(key);
}

function keys(): string[] {
  return Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));
}
