import { Button, IconButton } from "../controls/button";
import { Recorded } from "../controls/recorded";
import { lastMinute, short } from "../format/time";
import type { AuditOutcome } from "../graphql/generated/graphql";
import { type Conditions, FIELDS, type Field, SINGLE, type Single, values, withValues } from "./conditions";
import { OUTCOMES } from "./entry-row";
import { RANGES, type View } from "./view";

interface ChipProps {
  name: string;
  value: string;
  /** True if the condition is that this is not the value. */
  isNot?: boolean;
  /** True if there are other chips of this name. */
  isOneOfSeveral?: boolean;
  onRemove: () => void;
}

/** The active filters, each with a button to remove it. */
export function FilterChips({ view, onChange }: { view: View; onChange: (view: View) => void }) {
  const set = (filter: Conditions) => onChange({ ...view, filter });
  const chips = [...singles(view.filter, set), ...ofValues(view.filter, set), ...extras(view.filter, set)];
  if (!chips.length && !view.range) return null;
  return (
    <ul className="chips" aria-label="Active filters">
      {chips.map((chip) => (
        <Chip key={`${chip.isNot} ${chip.name} ${chip.value}`} {...chip} />
      ))}
      {view.range && (
        <Chip
          name="Happened"
          value={RANGES[view.range].label}
          onRemove={() => onChange({ ...view, range: null })}
        />
      )}
      <li>
        <Button variant="quiet" size="small" onPress={() => onChange({ ...view, filter: {}, range: null })}>
          Clear all
        </Button>
      </li>
    </ul>
  );
}

function singles(filter: Conditions, set: (filter: Conditions) => void): ChipProps[] {
  return (Object.keys(SINGLE) as Single[]).flatMap((name) => {
    const value = filter[name];
    if (!value) return [];
    return [
      {
        name: SINGLE[name],
        value: shown(name, value),
        onRemove: () => set({ ...filter, [name]: undefined }),
      },
    ];
  });
}

function shown(name: Single, value: string): string {
  if (name === "from") return short(value);
  return name === "to" ? short(lastMinute(value)) : value;
}

function ofValues(filter: Conditions, set: (filter: Conditions) => void): ChipProps[] {
  const chips = (field: Field, kind: "is" | "isNot") => {
    const all = values(filter, field, kind);
    return all.map((value) => ({
      name: FIELDS[field],
      value: field === "outcome" ? OUTCOMES[value as AuditOutcome] : value,
      isNot: kind === "isNot",
      isOneOfSeveral: all.length > 1,
      onRemove: () =>
        set(
          withValues(
            filter,
            field,
            all.filter((other) => other !== value),
            kind,
          ),
        ),
    }));
  };
  return (Object.keys(FIELDS) as Field[]).flatMap((field) => [
    ...chips(field, "is"),
    ...chips(field, "isNot"),
  ]);
}

function extras(filter: Conditions, set: (filter: Conditions) => void): ChipProps[] {
  const all = filter.extra ?? [];
  return all.map((extra) => ({
    name: `Extra ${extra.path}`,
    value: extra.equals,
    onRemove: () => set({ ...filter, extra: all.filter((other) => other !== extra) }),
  }));
}

function Chip({ name, value, isNot, isOneOfSeveral, onRemove }: ChipProps) {
  const removed = [name, isNot && "is not", (isNot || isOneOfSeveral) && value].filter(Boolean).join(" ");
  return (
    <li className="chip">
      <span className="chip-name">
        <Recorded text={name} />
        {isNot && <strong className="chip-not"> is not</strong>}
      </span>
      <span className="chip-value">
        <Recorded text={value} />
      </span>
      <IconButton label={`Remove filter ${removed}`} icon="close" onPress={onRemove} />
    </li>
  );
}
