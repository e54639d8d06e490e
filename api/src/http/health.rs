//! The liveness check.

/// `GET /healthz`: answers as long as the process is alive.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}
