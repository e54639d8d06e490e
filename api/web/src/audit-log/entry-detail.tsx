import type { ReactNode } from "react";
import { useQuery } from "urql";
import { IconButton } from "../controls/button";
import { Overlay } from "../controls/dialog";
import { Recorded } from "../controls/recorded";
import { EmptyState, ErrorState, Skeleton } from "../controls/states";
import { count } from "../format/number";
import { local, utc, zone } from "../format/time";
import { explain } from "../graphql/client";
import { print } from "../graphql/exact-numbers";
import type { EntryQuery } from "../graphql/generated/graphql";
import { Changes } from "./changes";
import type { Field } from "./conditions";
import { ENTRY } from "./documents";
import { Outcome } from "./entry-row";

type Detail = NonNullable<EntryQuery["auditLog"]>;

interface EntryDetailProps {
  id: string;
  onClose: () => void;
  onFilter: (field: Field, value: string) => void;
  /** Opens the previous or next entry of the list; undefined at its ends. */
  onPrevious?: () => void;
  onNext?: () => void;
}

/** All details of an entry, in a sheet next to the list. */
export function EntryDetail({ id, onClose, onFilter, onPrevious, onNext }: EntryDetailProps) {
  const [{ data, error, fetching }, reload] = useQuery({ query: ENTRY, variables: { id } });
  const entry = data?.auditLog;
  return (
    <Overlay
      shape="sheet"
      title={entry ? `Entry ${count(entry.sequence)}` : "Entry"}
      isOpen
      onClose={onClose}
      actions={
        <>
          <IconButton label="Previous entry" icon="previous" isDisabled={!onPrevious} onPress={onPrevious} />
          <IconButton label="Next entry" icon="next" isDisabled={!onNext} onPress={onNext} />
        </>
      }
    >
      {error && <ErrorState message={explain(error)} onRetry={reload} />}
      {!error && entry && <Facts entry={entry} onFilter={onFilter} />}
      {!error && !entry && (fetching ? <Waiting /> : <Unknown />)}
    </Overlay>
  );
}

function Facts({ entry, onFilter }: { entry: Detail; onFilter: EntryDetailProps["onFilter"] }) {
  const { metadata } = entry;
  const by = (field: Field, value: string) => () => onFilter(field, value);
  return (
    <div className="detail">
      <div className="detail-lead">
        <span className="detail-action mono">
          <Recorded text={entry.action} />
        </span>
        <Outcome value={entry.outcome} />
      </div>
      <dl className="facts">
        <Fact name="Happened" extra={utc(entry.timestamp)}>
          {local(entry.timestamp)} <span className="muted">{zone}</span>
        </Fact>
        {entry.clockSkewed && (
          <Fact name="Clock">
            The recording application's clock is wrong: the entry was recorded more than five minutes before
            it happened.
          </Fact>
        )}
        <ActorFact name="Actor" actor={entry.actor} onFilter={by("actorId", entry.actor.externalId)} />
        {entry.onBehalfOf && <ActorFact name="On behalf of" actor={entry.onBehalfOf} />}
        <ResourceFact name="Resource" resource={entry.resource} onFilter={by} />
        {entry.relatedResources.map((resource, index) => (
          <ResourceFact
            // biome-ignore lint/suspicious/noArrayIndexKey: an entry never changes, and may name a resource twice
            key={index}
            name="Related resource"
            resource={resource}
            onFilter={by}
          />
        ))}
        {metadata.requestId && (
          <Fact name="Request" onFilter={by("requestId", metadata.requestId)} filterName="this request">
            <span className="mono">
              <Recorded text={metadata.requestId} />
            </span>
          </Fact>
        )}
        {metadata.ipAddress && (
          <Fact name="IP address">
            <span className="mono">{metadata.ipAddress}</span>
          </Fact>
        )}
        {metadata.userAgent && (
          <Fact name="User agent">
            <Recorded text={metadata.userAgent} />
          </Fact>
        )}
        <Fact name="Recorded" extra={utc(entry.recordedAt)}>
          {local(entry.recordedAt)}{" "}
          <span className="muted">
            by <Recorded text={entry.recordedBy} />
          </span>
        </Fact>
        <Fact name="Hash">
          <span className="mono detail-hash">{entry.hash}</span>
        </Fact>
      </dl>
      <h3>Changes</h3>
      {entry.changes.length ? <Changes changes={entry.changes} /> : <p className="muted">No changes.</p>}
      {metadata.extra !== null && metadata.extra !== undefined && (
        <>
          <h3>Extra</h3>
          <pre className="code">
            <Recorded text={print(metadata.extra)} />
          </pre>
        </>
      )}
    </div>
  );
}

interface ActorFactProps {
  name: string;
  actor: Detail["actor"];
  onFilter?: () => void;
}

function ActorFact({ name, actor, onFilter }: ActorFactProps) {
  return (
    <Fact name={name} extra={actor.email} onFilter={onFilter} filterName="this actor">
      <Recorded text={actor.name ?? actor.externalId} />{" "}
      <span className="tag">{actor.type.toLowerCase()}</span>{" "}
      <span className="muted mono">
        <Recorded text={actor.externalId} />
      </span>
    </Fact>
  );
}

interface ResourceFactProps {
  name: string;
  resource: Detail["resource"];
  onFilter: (field: Field, value: string) => () => void;
}

function ResourceFact({ name, resource, onFilter }: ResourceFactProps) {
  const { type, externalId } = resource;
  return (
    <Fact
      name={name}
      extra={externalId}
      onFilter={onFilter("resourceId", externalId)}
      filterName="this resource"
    >
      <Recorded text={resource.name ?? externalId} />{" "}
      <span className="tag">
        <Recorded text={type} />
      </span>
    </Fact>
  );
}

interface FactProps {
  name: string;
  children: ReactNode;
  extra?: string | null;
  onFilter?: () => void;
  filterName?: string;
}

function Fact({ name, children, extra, onFilter, filterName }: FactProps) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>
        <div className="fact-value">{children}</div>
        {extra && (
          <div className="fact-extra mono">
            <Recorded text={extra} />
          </div>
        )}
        {onFilter && (
          <span className="fact-filter">
            <IconButton label={`Show only ${filterName}`} icon="filter" onPress={onFilter} />
          </span>
        )}
      </dd>
    </div>
  );
}

function Waiting() {
  return (
    <div className="detail" aria-busy="true">
      {["60%", "80%", "75%", "50%", "80%", "65%"].map((width, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: nothing moves
        <p key={index}>
          <Skeleton width={width} />
        </p>
      ))}
    </div>
  );
}

function Unknown() {
  return (
    <EmptyState icon="search" title="Entry not found">
      <p>The link is incomplete, or the entry belongs to another organization.</p>
    </EmptyState>
  );
}
