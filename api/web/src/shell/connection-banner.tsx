import { Button } from "../controls/button";
import { Icon } from "../controls/icon";
import { useConnection } from "../graphql/connection";

/** Reports that live updates do not arrive. Always in the document, so that screen readers announce it. */
export function ConnectionBanner() {
  const connection = useConnection();
  return (
    <div className="connection" role="status">
      {connection.state === "reconnecting" && (
        <div className="connection-banner">
          <span className="spinner" aria-hidden />
          <span>
            <strong>Reconnecting…</strong> Live updates are paused. They catch up automatically, and nothing
            is lost.
          </span>
        </div>
      )}
      {connection.state === "blocked" && (
        <div className="connection-banner">
          <Icon name="alert" />
          <span>
            <strong>Live updates are blocked.</strong> The server responds, but WebSockets to{" "}
            <code>/graphql</code> do not reach it. Configure the proxy in between to forward them. This page
            shows the data from when it was loaded.
          </span>
        </div>
      )}
      {connection.state === "refused" && (
        <div className="connection-banner">
          <Icon name="alert" />
          <span>
            <strong>The server refuses live updates.</strong> {connection.reason} This page shows the data
            from when it was loaded.
          </span>
          <Button size="small" icon="retry" onPress={() => location.reload()}>
            Try again
          </Button>
        </div>
      )}
    </div>
  );
}
