import { Checkbox, Label, Radio, RadioGroup } from "react-aria-components";
import { Icon } from "../controls/icon";
import { Select } from "../controls/select";
import type { Compression, ExportFormat } from "../graphql/generated/graphql";

export interface Options {
  format: ExportFormat;
  compression: Compression;
  byteOrderMark: boolean;
  /** Keeps the exact values of a CSV, although a spreadsheet may run some of them as formulas. */
  exact: boolean;
}

const FORMATS: { value: ExportFormat; label: string; text: string }[] = [
  { value: "XLSX", label: "Excel", text: "For spreadsheets, with dates" },
  { value: "CSV", label: "CSV", text: "For spreadsheets and programs" },
  { value: "JSON", label: "JSON", text: "One array" },
  { value: "JSONL", label: "JSON Lines", text: "One object per line, for programs" },
  { value: "PARQUET", label: "Parquet", text: "Typed columns, for analysis" },
];
/** Formats whose files are compressed already. */
export const COMPRESSED: readonly ExportFormat[] = ["PARQUET", "XLSX"];
const COMPRESSIONS: { value: Compression; label: string }[] = [
  { value: "NONE", label: "None" },
  { value: "GZIP", label: "gzip" },
  { value: "ZSTD", label: "Zstandard" },
];

/** Format options of an export. */
export function ExportOptions({
  options,
  onChange,
}: {
  options: Options;
  onChange: (options: Options) => void;
}) {
  return (
    <>
      <RadioGroup
        className="choices"
        value={options.format}
        onChange={(format) => onChange({ ...options, format: format as ExportFormat })}
      >
        <Label className="field-label">Format</Label>
        <div className="choices-row">
          {FORMATS.map(({ value, label, text }) => (
            <Radio key={value} value={value} className="choice">
              <span className="choice-name">{label}</span>
              <span className="choice-text">{text}</span>
            </Radio>
          ))}
        </div>
      </RadioGroup>
      {COMPRESSED.includes(options.format) ? (
        <p className="field-hint">These files are already compressed.</p>
      ) : (
        <Select
          label="Compression"
          value={options.compression}
          options={COMPRESSIONS}
          onChange={(compression) => onChange({ ...options, compression })}
        />
      )}
      {options.format === "CSV" && (
        <Checkbox
          className="checkbox"
          isSelected={options.byteOrderMark}
          onChange={(byteOrderMark) => onChange({ ...options, byteOrderMark })}
        >
          <span className="checkbox-box">
            <Icon name="check" />
          </span>
          Add a byte order mark, so that Excel reads the file as UTF-8
        </Checkbox>
      )}
      {options.format === "CSV" && (
        <Checkbox
          className="checkbox"
          isSelected={options.exact}
          onChange={(exact) => onChange({ ...options, exact })}
        >
          <span className="checkbox-box">
            <Icon name="check" />
          </span>
          Keep values exact for programs, even if a spreadsheet would run them as formulas
        </Checkbox>
      )}
    </>
  );
}
