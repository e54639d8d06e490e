//! HTTP: routes, request ids, health.

mod artifact;
mod body;
mod cors;
mod credential;
mod errors;
mod graphql;
mod health;
mod operation;
mod origin;
mod parameters;
mod problem;
mod request;
mod socket;
mod web;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use daybook_service::Instance;
use tower::util::option_layer;
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, Predicate, predicate},
};

use crate::{
    config::FrontDoor,
    graphql::{Documents, Schema, schema, sdl},
};
use graphql::stream;

/// What handlers share.
#[derive(Clone)]
struct State {
    instance: Arc<Instance>,
    schema: Schema,
    documents: Arc<Documents>,
    front_door: Arc<FrontDoor>,
}

/// Answers shorter than this are sent as they are, in bytes: they fit into a packet.
const UNCOMPRESSED: u16 = 1024;

/// Everything that this process answers.
pub fn router(instance: Arc<Instance>, front_door: FrontDoor) -> Router {
    let schema = schema(Arc::clone(&instance));
    let documents = Arc::new(Documents::new(&sdl(), front_door.document.clone()));
    let cors = option_layer(cors::layer(&front_door.cors_origins));
    Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post).fallback(graphql::other))
        .route("/graphql/stream", get(stream::get).post(stream::post).fallback(graphql::other))
        .layer(compression())
        .route("/artifacts/{token}/{file_name}", get(artifact::download))
        .layer(cors)
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(web::routes())
        .layer(DefaultBodyLimit::max(body::BODY))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(request::trace))
        .with_state(State { instance, schema, documents, front_door: Arc::new(front_door) })
}

/// For GraphQL's answers only: a download's length, ranges and ETag are those of the file. Events
/// are sent when they happen, which a compressor would wait with.
fn compression() -> CompressionLayer<impl Predicate> {
    let is_worth_it = predicate::SizeAbove::new(UNCOMPRESSED)
        .and(predicate::NotForContentType::const_new("text/event-stream"));
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_worth_it)
}
