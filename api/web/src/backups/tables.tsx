import { Icon } from "../controls/icon";
import { Time } from "../controls/time";
import { bytes, count, plural } from "../format/number";
import type { BackupJob } from "../jobs/documents";

/** The tables of a backup, and the result of its verification. */
export function BackupTables({ job: { tables, verification } }: { job: BackupJob }) {
  if (!tables.length && !verification) return null;
  const rows = tables.reduce((sum, table) => sum + BigInt(table.rows), 0n);
  return (
    <>
      {verification && <Verification verification={verification} />}
      <h3>Tables</h3>
      <table className="backup-tables">
        <thead>
          <tr>
            <th scope="col">Table</th>
            <th scope="col">Rows</th>
            <th scope="col">Size</th>
            <th scope="col">Checksum</th>
          </tr>
        </thead>
        <tbody>
          {tables.map((table) => (
            <tr key={table.name}>
              <th scope="row" className="mono">
                {table.name}
              </th>
              <td>{count(table.rows)}</td>
              <td>{bytes(table.bytes)}</td>
              <td className="mono muted" title={table.checksum}>
                {table.checksum.slice(0, 12)}…
              </td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{plural(tables.length, "table")}</th>
            <td>{count(rows.toString())}</td>
            <td />
            <td />
          </tr>
        </tfoot>
      </table>
    </>
  );
}

function Verification({ verification }: { verification: NonNullable<BackupJob["verification"]> }) {
  const { ok, restoredRows, verifiedAt, message } = verification;
  return (
    <div className={`notice verification ${ok ? "notice-success" : "notice-error"}`}>
      <Icon name={ok ? "check" : "alert"} />
      <div>
        <strong>{ok ? "Verified" : "Not restorable"}</strong>
        <p>
          {ok
            ? `Restored into an empty database: ${plural(restoredRows, "row")} matched the original.`
            : message}{" "}
          <Time value={verifiedAt} />
        </p>
      </div>
    </div>
  );
}
