import { Button, IconButton } from "../controls/button";
import { Recorded } from "../controls/recorded";
import { lastMinute, short } from "../format/time";
import type { AuditOutcome } from "../graphql/generated/graphql";
import { OUTCOMES } from "./entry-row";
import { FIELDS, type Field, RANGES, type View } from "./view";

/** The active filters, each with a button to remove it. */
export function FilterChips({ view, onChange }: { view: View; onChange: (view: View) => void }) {
  const fields = (Object.keys(FIELDS) as Field[]).filter((field) => view.filter[field]);
  if (!fields.length && !view.range) return null;
  const without = (field: Field) => onChange({ ...view, filter: { ...view.filter, [field]: undefined } });
  return (
    <ul className="chips" aria-label="Active filters">
      {fields.map((field) => (
        <Chip
          key={field}
          name={FIELDS[field]}
          value={shown(field, view.filter[field] ?? "")}
          onRemove={() => without(field)}
        />
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

function Chip({ name, value, onRemove }: { name: string; value: string; onRemove: () => void }) {
  return (
    <li className="chip">
      <span className="chip-name">{name}</span>
      <span className="chip-value">
        <Recorded text={value} />
      </span>
      <IconButton label={`Remove filter ${name}`} icon="close" onPress={onRemove} />
    </li>
  );
}

function shown(field: Field, value: string): string {
  if (field === "from") return short(value);
  if (field === "to") return short(lastMinute(value));
  return field === "outcome" ? OUTCOMES[value as AuditOutcome] : value;
}
