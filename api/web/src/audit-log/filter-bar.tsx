import { useEffect, useState } from "react";
import { Button, Dialog, DialogTrigger, Popover } from "react-aria-components";
import { useQuery } from "urql";
import { Icon } from "../controls/icon";
import { Select } from "../controls/select";
import { Suggest } from "../controls/suggest";
import { TextInput } from "../controls/text-input";
import type { AuditLogFacet } from "../graphql/generated/graphql";
import { AddCondition } from "./add-condition";
import { type Field, values, withValues } from "./conditions";
import { VALUES } from "./documents";
import { RangePicker } from "./range-picker";
import { ORDERS, type View } from "./view";

interface FilterBarProps {
  organizationId: string;
  view: View;
  onChange: (view: View) => void;
}

const OUTCOMES = [
  { value: "", label: "Any outcome" },
  { value: "SUCCESS", label: "Success" },
  { value: "FAILURE", label: "Failure" },
  { value: "DENIED", label: "Denied" },
];
const ACTOR_TYPES = [
  { value: "", label: "Any type" },
  { value: "USER", label: "User" },
  { value: "SERVICE", label: "Service" },
  { value: "SYSTEM", label: "System" },
  { value: "AGENT", label: "Agent" },
];
/** The choice that stands for several values, which the chips show. */
const SEVERAL = "SEVERAL";

/** The most common conditions, and a button for the others. */
export function FilterBar({ organizationId, view, onChange }: FilterBarProps) {
  const { filter } = view;
  const set = (field: Field, value: string) => {
    if (value !== SEVERAL) onChange({ ...view, filter: withValues(filter, field, value ? [value] : []) });
  };
  const facet = { organizationId, view, set };
  return (
    <search className="filter-bar" aria-label="Filter">
      <div className="filter-search">
        <LateInput
          label="Search"
          placeholder="Any words"
          value={filter.search ?? ""}
          onCommit={(search) => onChange({ ...view, filter: { ...filter, search } })}
        />
      </div>
      <FacetInput {...facet} facet="ACTION" field="action" label="Action" placeholder="device.*" />
      <FacetInput
        {...facet}
        facet="RESOURCE_TYPE"
        field="resourceType"
        label="Resource type"
        placeholder="Any"
      />
      <LateInput
        label="Actor e-mail"
        placeholder={several(view, "actorEmail") ?? "ada@acme.test"}
        value={only(view, "actorEmail")}
        onCommit={(value) => set("actorEmail", value)}
      />
      <Select
        label="Outcome"
        value={several(view, "outcome") ? SEVERAL : only(view, "outcome")}
        options={withSeveral(OUTCOMES, several(view, "outcome"))}
        onChange={(value) => set("outcome", value)}
      />
      <RangePicker view={view} onChange={onChange} />
      <Select
        label="Order"
        value={view.order}
        options={ORDERS}
        onChange={(order) => onChange({ ...view, order })}
      />
      <DialogTrigger>
        <Button className="button button-secondary button-medium filter-more">
          <Icon name="filter" />
          More
        </Button>
        <Popover className="popover" placement="bottom end">
          <Dialog className="popover-form" aria-label="More conditions">
            {(["actorId", "resourceId", "requestId"] as const).map((field) => (
              <LateInput
                key={field}
                label={{ actorId: "Actor ID", resourceId: "Resource ID", requestId: "Request ID" }[field]}
                placeholder={several(view, field) ?? "Exact match"}
                value={only(view, field)}
                onCommit={(value) => set(field, value)}
              />
            ))}
            <Select
              label="Actor type"
              value={several(view, "actorType") ? SEVERAL : only(view, "actorType")}
              options={withSeveral(ACTOR_TYPES, several(view, "actorType"))}
              onChange={(value) => set("actorType", value)}
            />
            <AddCondition filter={filter} onChange={(filter) => onChange({ ...view, filter })} />
          </Dialog>
        </Popover>
      </DialogTrigger>
    </search>
  );
}

/** The value of a field that has only one; empty if it has none or several. */
function only({ filter }: View, field: Field): string {
  const [value = "", ...others] = values(filter, field);
  return others.length ? "" : value;
}

/** What a field shows that has several values; null if it has not. */
function several({ filter }: View, field: Field): string | null {
  const { length } = values(filter, field);
  return length > 1 ? `${length} values` : null;
}

function withSeveral(options: readonly { value: string; label: string }[], label: string | null) {
  return label ? [...options, { value: SEVERAL, label }] : options;
}

interface FacetInputProps {
  organizationId: string;
  view: View;
  set: (field: Field, value: string) => void;
  facet: AuditLogFacet;
  field: "action" | "resourceType";
  label: string;
  placeholder: string;
}

function FacetInput({ organizationId, view, set, facet, field, label, placeholder }: FacetInputProps) {
  const [typed, setTyped] = useState("");
  const prefix = typed.replace(/\*$/, "").trim();
  const [{ data }] = useQuery({ query: VALUES, variables: { organizationId, facet, prefix } });
  return (
    <Suggest
      label={label}
      placeholder={several(view, field) ?? placeholder}
      value={only(view, field)}
      suggestions={data?.auditLogValues ?? []}
      onType={setTyped}
      onCommit={(value) => set(field, value)}
    />
  );
}

interface LateInputProps {
  label: string;
  placeholder: string;
  value: string;
  onCommit: (value: string) => void;
}

/** A text field that applies when it is left or Enter is pressed, not at each letter. */
function LateInput({ label, placeholder, value, onCommit }: LateInputProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const commit = () => {
    if (text.trim() !== value) onCommit(text.trim());
  };
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={text}
      onChange={setText}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === "Enter") commit();
      }}
    />
  );
}
