import type { ReactNode } from "react";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";

interface EmptyStateProps {
  icon: IconName;
  title: string;
  children: ReactNode;
  /** It is all of the page, and its title the page's. */
  isPage?: boolean;
}

/** Nothing is there, and what to do about it. */
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

/** It did not work, and how to go on. */
export function ErrorState({ message, onRetry }: { message: string; onRetry?: () => void }) {
  return (
    <div className="state" role="alert">
      <span className="state-icon state-icon-error">
        <Icon name="alert" />
      </span>
      <h2 className="state-title">This could not be loaded</h2>
      <p className="state-text">{message}</p>
      {onRetry && (
        <Button icon="retry" onPress={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Takes the place of what is loading, in its size, so that nothing moves when it comes. */
export function Skeleton({ width = "100%" }: { width?: string }) {
  return <span className="skeleton" style={{ width }} aria-hidden />;
}
