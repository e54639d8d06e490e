import { memo } from "react";
import { Recorded, withoutHidden } from "../controls/recorded";
import { Time } from "../controls/time";
import type { AuditOutcome } from "../graphql/generated/graphql";
import type { Entry } from "./documents";

interface EntryRowProps {
  entry: Entry;
  index: number;
  offset: number;
  isActive: boolean;
  onOpen: (entry: Entry) => void;
}

/** One entry in one row; a click anywhere on the row opens it. */
export const EntryRow = memo(function EntryRow({ entry, index, offset, isActive, onOpen }: EntryRowProps) {
  const { actor, resource } = entry;
  return (
    // The grid has the focus and handles the keys.
    // biome-ignore lint/a11y/useKeyWithClickEvents: as above
    <div
      id={`entry-${entry.id}`}
      className="entry-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isActive}
      style={{ transform: `translateY(${offset}px)` }}
      onClick={() => onOpen(entry)}
    >
      <span role="gridcell" className="entry-time">
        <Time value={entry.timestamp} />
      </span>
      <span role="gridcell" className="entry-actor" title={withoutHidden(actor.email ?? actor.externalId)}>
        <Recorded text={actor.name ?? actor.email ?? actor.externalId} />
        {actor.type !== "USER" && <span className="tag">{actor.type.toLowerCase()}</span>}
      </span>
      <span role="gridcell" className="entry-action mono">
        <Recorded text={entry.action} />
      </span>
      <span role="gridcell" className="entry-resource">
        <span className="entry-resource-type">
          <Recorded text={resource.type} />
        </span>
        <span className="entry-resource-name">
          <Recorded text={resource.name ?? resource.externalId} />
        </span>
      </span>
      <span role="gridcell" className="entry-outcome">
        <Outcome value={entry.outcome} />
      </span>
    </div>
  );
});

export const OUTCOMES = { SUCCESS: "Success", FAILURE: "Failure", DENIED: "Denied" } as const;

export function Outcome({ value }: { value: AuditOutcome }) {
  return <span className={`badge badge-${value.toLowerCase()}`}>{OUTCOMES[value]}</span>;
}
