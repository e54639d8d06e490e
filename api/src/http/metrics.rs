//! `/metrics`: metrics for Prometheus, in the OpenMetrics text format.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use axum::{
    Router, extract,
    response::{IntoResponse, Response},
    routing::get,
};
use daybook_service::{Instance, gauges};
use http::{StatusCode, header};
use tokio::net::TcpListener;

use super::problem::Problem;
use crate::graphql::code;

/// Router with only `GET /metrics`.
pub(super) fn router<S: Clone + Send + Sync + 'static>(instance: Arc<Instance>) -> Router<S> {
    Router::new().route("/metrics", get(scrape).with_state(instance))
}

async fn scrape(extract::State(instance): extract::State<Arc<Instance>>) -> Response {
    match gauges::render(&instance).await {
        Ok(text) => ([(header::CONTENT_TYPE, gauges::MEDIA_TYPE)], text).into_response(),
        Err(error) => {
            tracing::warn!(%error, "failed to collect metrics");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let detail = "The database does not respond.".into();
            Problem { status, code: code::UNAVAILABLE, detail }.into_response()
        }
    }
}

/// Serves only `/metrics` at `address`, until the instance stops.
///
/// # Errors
/// Fails if the process can't listen on `address`.
pub async fn serve(instance: &Arc<Instance>, address: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("can't listen on {address}"))?;
    let stopping = instance.stopping.clone();
    let serving = axum::serve(listener, router::<()>(Arc::clone(instance)));
    let serving = serving.with_graceful_shutdown(stopping.cancelled_owned());
    instance.tasks.spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the metrics server has stopped");
        }
    });
    Ok(())
}
