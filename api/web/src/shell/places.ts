/** The places that a user can open: their organizations, and the instance for operators. */
import type { IconName } from "../controls/icon";
import { pathOf } from "../routing/router";
import { may } from "../session/abilities";
import type { Membership, Viewer } from "../session/viewer";

export type Place = { kind: "organization"; membership: Membership } | { kind: "instance" };

export interface Section {
  id: string;
  label: string;
  icon: IconName;
}

const LOG: Section = { id: "log", label: "Audit log", icon: "log" };
const JOBS: Section = { id: "jobs", label: "Jobs", icon: "jobs" };
const EXPORTS: Section = { id: "exports", label: "Exports", icon: "exports" };
const NOTES: Section = { id: "notes", label: "Notes", icon: "notes" };
const BACKUPS: Section = { id: "backups", label: "Backups", icon: "backups" };

/** The sections of a place that the user's role permits. */
export function sectionsOf(place: Place): Section[] {
  if (place.kind === "instance") return [JOBS, BACKUPS];
  const { role } = place.membership;
  const sections: [Section, boolean][] = [
    [LOG, may(role, "readLog")],
    [EXPORTS, may(role, "export")],
    [BACKUPS, may(role, "backUp")],
    [JOBS, may(role, "readJobs")],
    [NOTES, may(role, "notes")],
  ];
  return sections.filter(([, isOffered]) => isOffered).map(([section]) => section);
}

export function placesOf(viewer: Viewer): Place[] {
  const organizations = viewer.memberships.map((membership): Place => ({ kind: "organization", membership }));
  return viewer.isOperator ? [...organizations, { kind: "instance" }] : organizations;
}

export function placeKey(place: Place): string {
  return place.kind === "instance" ? "instance" : place.membership.organization.slug;
}

export function placeName(place: Place): string {
  return place.kind === "instance" ? "Whole instance" : place.membership.organization.name;
}

export function placePath(place: Place, ...rest: string[]): string {
  return place.kind === "instance"
    ? pathOf("instance", ...rest)
    : pathOf("o", place.membership.organization.slug, ...rest);
}
