/** Permissions to manage a job, as on the server: those to start it. */

import type { Role } from "../graphql/generated/graphql";
import { may } from "../session/abilities";
import type { Job } from "./documents";

/** The role of a member, or an operator of the instance. */
export type Reader = Role | "OPERATOR";

/** True if the user may cancel and retry the job. */
export function mayDecide(reader: Reader, job: Job): boolean {
  if (job.__typename === "BackupJob") {
    return job.scope === "INSTANCE" ? reader === "OPERATOR" : reader !== "OPERATOR" && may(reader, "backUp");
  }
  if (reader === "OPERATOR") return false;
  return may(reader, job.format === "MARKDOWN" ? "notes" : "export");
}
