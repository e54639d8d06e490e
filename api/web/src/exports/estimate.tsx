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

/** Number of records and files of an export, and how many more exports may be started. */
export function Estimate({ organizationId, filter, orderBy }: EstimateProps) {
  const source = { auditLogs: { filter, orderBy } };
  const [{ data, error }] = useQuery({ query: ESTIMATE, variables: { organizationId, source } });
  const isFiltered = Object.values(filter).some(Boolean);
  const estimate = data?.exportEstimate;
  const quota = data?.organization?.exportQuota;
  return (
    <div className="estimate" aria-live="polite">
      {error && "The number of records could not be determined."}
      {!error && !estimate && <p>\u00a0</p>}
      {estimate && (
        <p>
          <strong>{plural(estimate.recordCount, "record")}</strong>{" "}
          {isFiltered ? "match the filter" : "are in the log"}
          {estimate.pieces > 1 && `, too many for one file: ${estimate.pieces} exports contain them all`}.
        </p>
      )}
      {quota && (
        <p className="muted">
          {quota.remaining > 0 ? (
            `${quota.remaining} of ${plural(quota.limit, "export")} per hour left.`
          ) : (
            <>
              You have no exports left this hour; the next one is possible at <Time value={quota.resetsAt} />.
            </>
          )}
        </p>
      )}
    </div>
  );
}
