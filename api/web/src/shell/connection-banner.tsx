import { Button } from "../controls/button";
import { Icon } from "../controls/icon";
import { useConnection } from "../graphql/connection";

/** Says that live updates do not arrive at the moment. Always there, so that screen readers tell of it. */
export function ConnectionBanner() {
  const connection = useConnection();
  return (
    <div className="connection" role="status">
      {connection.state === "reconnecting" && (
        <div className="connection-banner">
          <span className="spinner" aria-hidden />
          <span>
            <strong>Reconnecting…</strong> Live updates are paused; nothing is lost, they catch up by
            themselves.
          </span>
        </div>
      )}
      {connection.state === "blocked" && (
        <div className="connection-banner">
          <Icon name="alert" />
          <span>
            <strong>Live updates do not get through.</strong> The server answers, but WebSockets to{" "}
            <code>/graphql</code> do not reach it: a proxy in between must pass them on. What you see is as it
            was when the page was loaded.
          </span>
        </div>
      )}
      {connection.state === "refused" && (
        <div className="connection-banner">
          <Icon name="alert" />
          <span>
            <strong>The server refuses live updates.</strong> {connection.reason} What you see is as it was
            when the page was loaded.
          </span>
          <Button size="small" icon="retry" onPress={() => location.reload()}>
            Try again
          </Button>
        </div>
      )}
    </div>
  );
}
