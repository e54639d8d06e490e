//! Whether the process is alive, and whether it can serve.

use std::time::Duration;

use axum::{
    extract,
    response::{IntoResponse, Response},
};
use http::StatusCode;

use super::{State, problem::Problem};
use crate::graphql::code;

/// How long the database may take to answer a readiness check.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /healthz`: the process is alive.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the process can serve; 503 with the reason where it can't.
pub(super) async fn ready(extract::State(state): extract::State<State>) -> Response {
    if state.instance.stopping.is_cancelled() {
        return unavailable("stopping");
    }
    match tokio::time::timeout(PATIENCE, state.instance.ping()).await {
        Ok(Ok(())) => "ok\n".into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            unavailable("the database does not answer")
        }
        Err(_) => unavailable("the database is slow"),
    }
}

fn unavailable(detail: &'static str) -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem { status, code: code::UNAVAILABLE, detail: detail.into() }.into_response()
}
