/** What is written and not saved: kept for this tab until it is saved or discarded. */

export interface Draft {
  path: string;
  title: string;
  body: string;
  tags: string;
}

export interface Kept {
  draft: Draft;
  /** The note's version that it was made from; 0 for a new note. */
  version: number;
  /** When it was written. */
  at: string;
}

/** In place of a note's ID, of one that is not there yet. */
export const NEW = "new";
const PREFIX = "daybook.draft ";

/** Whose draft, of which workspace. Another one who signs in in this tab does not see it. */
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
    // The browser has no room for it. An older one would be taken for what is written now.
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

/** The notes of which there are drafts. */
export function draftIds(desk: Desk): Set<string> {
  const prefix = start(desk);
  return new Set(keys().flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : [])));
}

/** How many drafts there are in this tab, whoever's. */
export function countDrafts(): number {
  return keys().length;
}

export function discardAll(): void {
  for (const key of keys()) sessionStorage.removeItem(key);
}

function keys(): string[] {
  return Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));
}
