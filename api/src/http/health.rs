//! The liveness and readiness checks.

use axum::{
    Json, extract,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};

use super::{readiness::Overall, state::State};

/// `GET /healthz`: answers as long as the process is alive.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: responds with 200 if the process can serve, or 503 if it can't, and lists the components.
pub(super) async fn ready(extract::State(state): extract::State<State>) -> Response {
    let report = state.readiness.report(&state.instance).await;
    let status = match report.status {
        Overall::Ready | Overall::Degraded => StatusCode::OK,
        Overall::Unready => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(report)).into_response()
}
