/** Permissions of each role, as on the server. The app hides what a role may not do. */
import type { Role } from "../graphql/generated/graphql";

export type Ability = "readLog" | "readJobs" | "export" | "backUp" | "notes";

const ABILITIES: Record<Role, Ability[]> = {
  ADMIN: ["readLog", "readJobs", "export", "backUp", "notes"],
  AUDITOR: ["readLog", "readJobs", "export"],
  WRITER: [],
  MEMBER: ["notes"],
};

export function may(role: Role, ability: Ability): boolean {
  return ABILITIES[role].includes(ability);
}
