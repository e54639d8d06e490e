import { type ReactNode, useEffect } from "react";
import { deferred } from "../controls/deferred";
import { EmptyState, Skeleton } from "../controls/states";
import { Link } from "../routing/link";
import { navigate, pathParts, usePath } from "../routing/router";
import { useViewer } from "../session/viewer";
import { type Place, placeKey, placeName, placePath, placesOf, sectionsOf } from "./places";
import { Shell } from "./shell";

const AuditLogPage = deferred(() => import("../audit-log/page"), <PageSkeleton />);
const BackupsPage = deferred(() => import("../backups/page"), <PageSkeleton />);
const ExportsPage = deferred(() => import("../exports/page"), <PageSkeleton />);
const JobsPage = deferred(() => import("../jobs/page"), <PageSkeleton />);
const NotesPage = deferred(() => import("../notes/page"), <PageSkeleton />);
const PAGES = new Map<string | undefined, { prepare: () => Promise<void> }>([
  ["log", AuditLogPage],
  ["backups", BackupsPage],
  ["exports", ExportsPage],
  ["jobs", JobsPage],
  ["notes", NotesPage],
]);

/** Starts to fetch the code of the page that the URL names, while the viewer is loaded. */
export function preparePage() {
  const parts = pathParts();
  const section = parts[parts[0] === "o" ? 2 : 1] ?? "log";
  void PAGES.get(section)?.prepare();
}

/** Shows the page that the URL names. */
export function Pages() {
  const places = placesOf(useViewer());
  const [root, ...rest] = usePath();
  const key = root === "o" ? rest.shift() : root;
  const place = key === undefined ? places[0] : places.find((one) => placeKey(one) === key);
  const fallback = place && sectionsOf(place)[0]?.id;
  const section = rest[0] ?? fallback ?? "none";
  const isIncomplete = place !== undefined && fallback !== undefined && rest[0] === undefined;
  useEffect(() => {
    if (isIncomplete) navigate(placePath(place, fallback) + location.search, { replace: true });
  });
  useEffect(() => {
    const label = place && sectionsOf(place).find((one) => one.id === section)?.label;
    document.title = label ? `${label} · ${placeName(place)} · Daybook` : "Daybook";
  }, [place, section]);

  if (!places.length) return <Nowhere />;
  if (!place) return <Unknown home={places[0] as Place} places={places} />;
  return (
    <Shell place={place} places={places} section={section}>
      {page(place, section)}
    </Shell>
  );
}

function page(place: Place, section: string): ReactNode {
  const isOffered = sectionsOf(place).some((one) => one.id === section);
  if (!isOffered) return <NotOffered place={place} />;
  const key = placeKey(place);
  if (place.kind === "instance") {
    if (section === "backups") return <BackupsPage key={key} organizationId={null} />;
    return <JobsPage key={key} organizationId={null} reader="OPERATOR" />;
  }
  const { membership } = place;
  switch (section) {
    case "log":
      return <AuditLogPage key={key} membership={membership} />;
    case "backups":
      return <BackupsPage key={key} organizationId={membership.organization.id} />;
    case "notes":
      return <NotesPage key={key} membership={membership} />;
    case "exports":
      return <ExportsPage key={key} membership={membership} />;
    default:
      return <JobsPage key={key} organizationId={membership.organization.id} reader={membership.role} />;
  }
}

function PageSkeleton() {
  return (
    <div className="page" aria-busy="true">
      <Skeleton width="12rem" />
    </div>
  );
}

function Nowhere() {
  return (
    <main className="content">
      <EmptyState isPage icon="log" title="You are not a member of an organization yet">
        <p>
          Ask the person who runs this instance to add you as a member. On the server, this command does so:
        </p>
        <pre>daybook member set --organization acme --role auditor SUBJECT</pre>
      </EmptyState>
    </main>
  );
}

function Unknown({ home, places }: { home: Place; places: Place[] }) {
  return (
    <Shell place={home} places={places} section="">
      <EmptyState isPage icon="search" title="Page not found">
        <p>The page does not exist, or you are not a member of its organization.</p>
        <Link href={placePath(home)}>Go to {placeName(home)}</Link>
      </EmptyState>
    </Shell>
  );
}

function NotOffered({ place }: { place: Place }) {
  const [first] = sectionsOf(place);
  return (
    <EmptyState isPage icon="log" title={first ? "Page not found" : "Your role can't view anything"}>
      {first ? (
        <Link href={placePath(place, first.id)}>Go to {first.label.toLowerCase()}</Link>
      ) : (
        <p>Your role can only record entries through the API. An administrator can give you another role.</p>
      )}
    </EmptyState>
  );
}
