import { type FormEvent, useState } from "react";
import { Button } from "../controls/button";
import { Select } from "../controls/select";
import { TextInput } from "../controls/text-input";
import {
  CHOICES,
  type Conditions,
  FIELDS,
  type Field,
  isExactJson,
  isPointer,
  values,
  withValues,
} from "./conditions";

const EXTRA = "extra";
const SUBJECTS = [
  ...(Object.keys(FIELDS) as Field[]).map((field) => ({ value: field, label: FIELDS[field] })),
  { value: EXTRA, label: "Extra" },
] as const;
const KINDS = [
  { value: "is", label: "is" },
  { value: "isNot", label: "is not" },
] as const;

interface AddConditionProps {
  filter: Conditions;
  onChange: (filter: Conditions) => void;
}

/** A form that adds a value to those of a field, or to those that must not match. */
export function AddCondition({ filter, onChange }: AddConditionProps) {
  const [subject, setSubject] = useState<Field | typeof EXTRA>("action");
  const [kind, setKind] = useState<"is" | "isNot">("is");
  const [path, setPath] = useState("");
  const [value, setValue] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const add = (event: FormEvent) => {
    event.preventDefault();
    const text = value.trim();
    const found = problemOf(subject, path.trim(), text);
    setProblem(found);
    if (found) return;
    setValue("");
    if (subject === EXTRA) {
      const extra = { path: path.trim(), equals: asJson(text) };
      onChange({ ...filter, extra: [...(filter.extra ?? []), extra] });
    } else {
      onChange(withValues(filter, subject, [...values(filter, subject, kind), text], kind));
    }
  };
  const choices = subject === EXTRA ? undefined : CHOICES[subject];
  return (
    <form className="add-condition" aria-label="Add a condition" onSubmit={add}>
      <Select
        label="Field"
        value={subject}
        options={SUBJECTS}
        onChange={(next) => {
          setSubject(next);
          setValue(next === EXTRA ? "" : (CHOICES[next]?.[0] ?? ""));
          setProblem(null);
        }}
      />
      {subject === EXTRA ? (
        <TextInput label="Path" placeholder="/deploy/region" value={path} onChange={setPath} />
      ) : (
        <Select label="Comparison" value={kind} options={KINDS} onChange={setKind} />
      )}
      {choices ? (
        <Select
          label="Value"
          value={value}
          options={choices.map((choice) => ({ value: choice, label: choice }))}
          onChange={setValue}
        />
      ) : (
        <TextInput
          label="Value"
          placeholder={PLACEHOLDERS[subject] ?? "Exact match"}
          hint={subject === EXTRA ? "JSON; anything else is taken as text" : undefined}
          value={value}
          onChange={(next) => {
            setValue(next);
            setProblem(null);
          }}
          error={problem}
        />
      )}
      <Button type="submit">Add</Button>
    </form>
  );
}

const PLACEHOLDERS: Partial<Record<Field | typeof EXTRA, string>> = {
  action: "device.*",
  actorEmail: "ada@acme.test",
  ipAddress: "192.0.2.7 or 10.0.0.0/8",
  extra: "eu-west-1",
};

function problemOf(subject: Field | typeof EXTRA, path: string, value: string): string | null {
  if (!value) return "Enter a value.";
  if (subject === "ipAddress" && !/^[\da-f:.]+(\/\d{1,3})?$/i.test(value)) {
    return "Enter an address, such as 192.0.2.7, or a network, such as 10.0.0.0/8.";
  }
  if (subject !== EXTRA) return null;
  if (!isPointer(path)) return "The path must begin with a slash, such as /deploy/region.";
  return isExactJson(asJson(value)) ? null : "Numbers here can have at most 15 digits.";
}

/** The JSON text that was entered, or that of a text. */
function asJson(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
