import { useState } from "react";
import { Button, Dialog, DialogTrigger, Popover } from "react-aria-components";
import { useQuery } from "urql";
import { Icon } from "../controls/icon";
import { Select } from "../controls/select";
import { Suggest } from "../controls/suggest";
import { TextInput } from "../controls/text-input";
import type { AuditLogFacet } from "../graphql/generated/graphql";
import { VALUES } from "./documents";
import { RangePicker } from "./range-picker";
import { type Field, ORDERS, type View } from "./view";

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
];

/** The most common conditions, and a button for the others. */
export function FilterBar({ organizationId, view, onChange }: FilterBarProps) {
  const set = (field: Field, value: string) =>
    onChange({ ...view, filter: { ...view.filter, [field]: value } });
  const facet = { organizationId, view, set };
  return (
    <search className="filter-bar" aria-label="Filter">
      <div className="filter-search">
        <LateInput
          key={view.filter.search ?? ""}
          label="Search"
          placeholder="Any words"
          value={view.filter.search ?? ""}
          onCommit={(value) => set("search", value)}
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
        key={view.filter.actorEmail ?? ""}
        label="Actor e-mail"
        placeholder="ada@acme.test"
        value={view.filter.actorEmail ?? ""}
        onCommit={(value) => set("actorEmail", value)}
      />
      <Select
        label="Outcome"
        value={view.filter.outcome ?? ""}
        options={OUTCOMES}
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
                placeholder="Exact match"
                value={view.filter[field] ?? ""}
                onCommit={(value) => set(field, value)}
              />
            ))}
            <Select
              label="Actor type"
              value={view.filter.actorType ?? ""}
              options={ACTOR_TYPES}
              onChange={(value) => set("actorType", value)}
            />
          </Dialog>
        </Popover>
      </DialogTrigger>
    </search>
  );
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
      placeholder={placeholder}
      value={view.filter[field] ?? ""}
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
