//! HTTP: routes, request ids, health.

mod artifact;
mod credential;
mod graphql;
mod health;
mod parameters;
mod request;
mod socket;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use daybook_service::Instance;
use tower_http::catch_panic::CatchPanicLayer;

use crate::graphql::{Schema, schema};

/// Largest request body, in bytes.
const BODY: usize = 1024 * 1024;

/// What handlers share.
#[derive(Clone)]
struct State {
    instance: Arc<Instance>,
    schema: Schema,
}

/// Everything that this process answers.
pub fn router(instance: Arc<Instance>) -> Router {
    let schema = schema(Arc::clone(&instance));
    Router::new()
        .route("/", get(health::home))
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/artifacts/{token}/{file_name}", get(artifact::download))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(request::trace))
        .with_state(State { instance, schema })
}
