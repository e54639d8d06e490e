import { lazy, type ReactNode, Suspense, useEffect } from "react";
import { EmptyState, Skeleton } from "../controls/states";
import { Link } from "../routing/link";
import { navigate, usePath } from "../routing/router";
import { may } from "../session/abilities";
import { useViewer } from "../session/viewer";
import { type Place, placeKey, placeName, placePath, placesOf, sectionsOf } from "./places";
import { Shell } from "./shell";

const AuditLogPage = lazy(() => import("../audit-log/page"));
const BackupsPage = lazy(() => import("../backups/page"));
const ExportsPage = lazy(() => import("../exports/page"));
const JobsPage = lazy(() => import("../jobs/page"));
const NotesPage = lazy(() => import("../notes/page"));

/** The page that the URL names. */
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
      <Suspense fallback={<PageSkeleton />}>{page(place, section)}</Suspense>
    </Shell>
  );
}

function page(place: Place, section: string): ReactNode {
  const isOffered = sectionsOf(place).some((one) => one.id === section);
  if (!isOffered) return <NotOffered place={place} />;
  const key = placeKey(place);
  if (place.kind === "instance") {
    if (section === "backups") return <BackupsPage key={key} organizationId={null} />;
    return <JobsPage key={key} organizationId={null} mayManage={false} />;
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
    default: {
      const mayManage = may(membership.role, "manageJobs");
      return <JobsPage key={key} organizationId={membership.organization.id} mayManage={mayManage} />;
    }
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
      <EmptyState isPage icon="log" title="You belong to no organization yet">
        <p>Ask whoever runs this instance to make you a member; on its machine, they run</p>
        <pre>daybook member set --organization acme --role auditor SUBJECT</pre>
      </EmptyState>
    </main>
  );
}

function Unknown({ home, places }: { home: Place; places: Place[] }) {
  return (
    <Shell place={home} places={places} section="">
      <EmptyState isPage icon="search" title="There is no such page">
        <p>It does not exist, or you do not belong to the organization that it is of.</p>
        <Link href={placePath(home)}>Go to {placeName(home)}</Link>
      </EmptyState>
    </Shell>
  );
}

function NotOffered({ place }: { place: Place }) {
  const [first] = sectionsOf(place);
  return (
    <EmptyState isPage icon="log" title={first ? "There is no such page" : "Nothing to see with this role"}>
      {first ? (
        <Link href={placePath(place, first.id)}>Go to {first.label.toLowerCase()}</Link>
      ) : (
        <p>
          Your role records entries through the API and reads nothing. An administrator can give you another
          one.
        </p>
      )}
    </EmptyState>
  );
}
