import type { ReactNode } from "react";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";

interface EmptyStateProps {
  icon: IconName;
  title: string;
  children: ReactNode;
  /** The empty state is the whole page, and its title is the page's title. */
  isPage?: boolean;
}

/** Shows that there is nothing, and what to do about it. */
export function EmptyState({ icon, title, children, isPage }: EmptyStateProps) {
  const Heading = isPage ? "h1" : "h2";
  return (
    <div className="state">
      <span className="state-icon">
        <Icon name={icon} />
      </span>
      <Heading className="state-title">{title}</Heading>
      <div className="state-text">{children}</div>
    </div>
  );
}

/** Shows an error, with a button to try again. */
export function ErrorState({ message, onRetry }: { message: string; onRetry?: () => void }) {
  return (
    <div className="state" role="alert">
      <span className="state-icon state-icon-error">
        <Icon name="alert" />
      </span>
      <h2 className="state-title">Loading failed</h2>
      <p className="state-text">{message}</p>
      {onRetry && (
        <Button icon="retry" onPress={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Placeholder for content that is loading, in its size, so that nothing moves when it arrives. */
export function Skeleton({ width = "100%" }: { width?: string }) {
  return <span className="skeleton" style={{ width }} aria-hidden />;
}
