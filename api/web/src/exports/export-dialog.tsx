import { useState } from "react";
import { useClient } from "urql";
import { Button } from "../controls/button";
import { Overlay } from "../controls/dialog";
import { explain } from "../graphql/client";
import type { AuditLogFilter, AuditLogOrder } from "../graphql/generated/graphql";
import { newKey } from "../graphql/idempotency";
import type { ExportJob } from "../jobs/documents";
import type { Reader } from "../jobs/rights";
import { useJobs } from "../jobs/use-jobs";
import { START_EXPORT } from "./documents";
import { Estimate } from "./estimate";
import { COMPRESSED, ExportOptions, type Options } from "./options";
import { Started } from "./started";

interface ExportDialogProps {
  organizationId: string;
  reader: Reader;
  filter: AuditLogFilter;
  orderBy: AuditLogOrder;
  onClose: () => void;
}

/** Starts an export of the filtered log, and follows it until it ends. */
export default function ExportDialog({
  organizationId,
  reader,
  filter,
  orderBy,
  onClose,
}: ExportDialogProps) {
  const [options, setOptions] = useState<Options>({
    format: "CSV",
    compression: "NONE",
    byteOrderMark: false,
    exact: false,
  });
  const [started, setStarted] = useState<ExportJob | null>(null);
  const { problem, isBusy, start } = useStart(organizationId, filter, orderBy, options, setStarted);
  const { jobs, put } = useJobs(organizationId);
  const told = jobs?.find(({ id }) => id === started?.id);
  const live = told?.__typename === "ExportJob" ? told : started;
  return (
    <Overlay title="Export the audit log" isOpen onClose={onClose}>
      <div className="dialog-content">
        {live ? (
          <Started
            job={live}
            reader={reader}
            onJob={(job) => {
              put(job);
              if (job.__typename === "ExportJob") setStarted(job);
            }}
            onContinue={live.continuation ? () => start(live.continuation) : undefined}
          />
        ) : (
          <>
            <Estimate organizationId={organizationId} filter={filter} orderBy={orderBy} />
            <ExportOptions options={options} onChange={setOptions} />
          </>
        )}
        {problem && (
          <p className="notice notice-error" role="alert">
            {problem}
          </p>
        )}
        <footer className="dialog-footer">
          <Button onPress={onClose}>{live ? "Close" : "Cancel"}</Button>
          {!live && (
            <Button variant="primary" isPending={isBusy} onPress={() => start(null)}>
              Start export
            </Button>
          )}
        </footer>
      </div>
    </Overlay>
  );
}

function useStart(
  organizationId: string,
  filter: AuditLogFilter,
  orderBy: AuditLogOrder,
  { format, compression, byteOrderMark, exact }: Options,
  onStarted: (job: ExportJob) => void,
) {
  const client = useClient();
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const start = async (after: string | null | undefined) => {
    setBusy(true);
    const input = {
      organizationId,
      source: { auditLogs: { filter, orderBy } },
      format,
      compression: COMPRESSED.includes(format) ? ("NONE" as const) : compression,
      csvByteOrderMark: format === "CSV" && byteOrderMark,
      csvNeutralize: !(format === "CSV" && exact),
      after,
      // One key per press of the button, so that a repeated request starts only one export.
      idempotencyKey: newKey(),
    };
    const { data, error } = await client.mutation(START_EXPORT, { input }).toPromise();
    setBusy(false);
    const refused = data?.startExport.userErrors.map(({ message }) => message).join("; ");
    setProblem(error ? explain(error) : refused || null);
    if (data?.startExport.job) onStarted(data.startExport.job);
  };
  return { problem, isBusy, start };
}
