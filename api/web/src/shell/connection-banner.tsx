import { useConnection } from "../graphql/connection";

/** Says that live updates do not arrive at the moment. Always there, so that screen readers tell of it. */
export function ConnectionBanner() {
  const isLost = useConnection() === "reconnecting";
  return (
    <div className="connection" role="status">
      {isLost && (
        <div className="connection-banner">
          <span className="spinner" aria-hidden />
          <span>
            <strong>Reconnecting…</strong> Live updates are paused; nothing is lost, they catch up by
            themselves.
          </span>
        </div>
      )}
    </div>
  );
}
