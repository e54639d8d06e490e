import { useQuery } from "urql";
import { Time } from "../controls/time";
import { plural } from "../format/number";
import type { AuditLogFilter, AuditLogOrder } from "../graphql/generated/graphql";
import { ESTIMATE } from "./documents";

interface EstimateProps {
  organizationId: string;
  filter: AuditLogFilter;
  orderBy: AuditLogOrder;
}

/** What an export will hold, in how many files, and how many more may be started. */
export function Estimate({ organizationId, filter, orderBy }: EstimateProps) {
  const source = { auditLogs: { filter, orderBy } };
  const [{ data, error }] = useQuery({ query: ESTIMATE, variables: { organizationId, source } });
  const isFiltered = Object.values(filter).some(Boolean);
  const estimate = data?.exportEstimate;
  const quota = data?.organization?.exportQuota;
  return (
    <div className="estimate" aria-live="polite">
      {error && "How many records it has could not be found out."}
      {!error && !estimate && <p>\u00a0</p>}
      {estimate && (
        <p>
          <strong>{plural(estimate.recordCount, "record")}</strong>{" "}
          {isFiltered ? "match what you see" : "are in the log"}
          {estimate.pieces > 1 && `, more than one file takes: ${estimate.pieces} exports hold them all`}.
        </p>
      )}
      {quota && (
        <p className="muted">
          {quota.remaining > 0 ? (
            `${quota.remaining} of ${plural(quota.limit, "export")} an hour left.`
          ) : (
            <>
              No export is left in this hour; the next one is possible from <Time value={quota.resetsAt} />.
            </>
          )}
        </p>
      )}
    </div>
  );
}
