/** Who may decide over a job, as the server's table says: whoever may have it done. */

import type { Role } from "../graphql/generated/graphql";
import { may } from "../session/abilities";
import type { Job } from "./documents";

/** A member by role, or an operator of the instance. */
export type Reader = Role | "OPERATOR";

/** Cancels and repeats it. */
export function mayDecide(reader: Reader, job: Job): boolean {
  if (job.__typename === "BackupJob") {
    return job.scope === "INSTANCE" ? reader === "OPERATOR" : reader !== "OPERATOR" && may(reader, "backUp");
  }
  if (reader === "OPERATOR") return false;
  return may(reader, job.format === "MARKDOWN" ? "notes" : "export");
}
