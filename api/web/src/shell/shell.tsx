import type { ReactNode } from "react";
import { Icon } from "../controls/icon";
import { Link } from "../routing/link";
import { AccountMenu } from "./account-menu";
import { ConnectionBanner } from "./connection-banner";
import { Logo } from "./logo";
import { PlaceSwitcher } from "./place-switcher";
import { type Place, placePath, type Section, sectionsOf } from "./places";

interface ShellProps {
  place: Place;
  places: Place[];
  section: string;
  children: ReactNode;
}

/** The frame of every page: organization, navigation and account. */
export function Shell({ place, places, section, children }: ShellProps) {
  return (
    <div className="shell">
      <a className="skip-link" href="#content">
        Skip to content
      </a>
      <header className="sidebar">
        <Logo />
        <PlaceSwitcher place={place} places={places} />
        <nav className="nav" aria-label="Sections">
          {sectionsOf(place).map((one) => (
            <NavLink
              key={one.id}
              section={one}
              href={placePath(place, one.id)}
              isCurrent={one.id === section}
            />
          ))}
          <a className="nav-link" href="/graphql">
            <Icon name="graphql" />
            <span>GraphiQL</span>
          </a>
        </nav>
        <AccountMenu place={place} />
      </header>
      <main className="content" id="content" tabIndex={-1}>
        <ConnectionBanner />
        {children}
      </main>
    </div>
  );
}

function NavLink({ section, href, isCurrent }: { section: Section; href: string; isCurrent: boolean }) {
  return (
    <Link className="nav-link" href={href} aria-current={isCurrent ? "page" : undefined}>
      <Icon name={section.icon} />
      <span>{section.label}</span>
    </Link>
  );
}
