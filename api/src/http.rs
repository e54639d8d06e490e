//! HTTP: routes and the layers that every request passes.

mod admission;
mod artifact;
mod body;
mod body_limits;
mod budget;
mod cors;
mod credential;
mod documentation;
mod errors;
pub(crate) mod forwarded;
mod graphql;
mod health;
mod json;
mod metrics;
mod operation;
mod origin;
mod parameters;
mod problem;
mod proxies;
mod readiness;
mod request;
mod socket;
mod state;
mod trusted;
mod web;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{self, DefaultBodyLimit},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use daybook_service::Instance;
use http::{StatusCode, header};
use tower::util::option_layer;
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, Predicate, predicate},
};

use crate::{
    config::{Config, ServerLimits},
    graphql::{Answers, Documents, code, schema, sdl},
};
use admission::Admission;
use graphql::stream;
use origin::Origins;
use problem::Problem;
use proxies::Proxies;
use request::Correlation;
use state::State;
use trusted::Trusted;

pub use metrics::serve as serve_metrics;

/// Minimum size of a response that is compressed, in bytes. Smaller ones fit into one packet.
const MIN_COMPRESSED_BYTES: u16 = 1024;

/// Checks the trusted documents that `server_limits` names.
///
/// # Errors
/// Fails if the file or one of its documents is not valid.
pub fn check_documents(server_limits: &ServerLimits) -> anyhow::Result<()> {
    let documents = Documents::new(&sdl(), server_limits.document());
    Trusted::load(server_limits.trusted_documents.as_deref(), &documents).map(drop)
}

/// Builds the router of everything that this process serves.
///
/// # Errors
/// Fails if the trusted documents are not valid.
pub fn router(instance: Arc<Instance>, config: &Config) -> anyhow::Result<Router> {
    let (server_limits, public_url) = (config.server_limits.clone(), config.public_url.as_deref());
    let schema = schema(Arc::clone(&instance));
    let documents = Arc::new(Documents::new(&sdl(), server_limits.document()));
    let trusted = Trusted::load(server_limits.trusted_documents.as_deref(), &documents)?;
    let mut operations = trusted.operations(&documents);
    operations.extend(server_limits.metrics_operations.iter().cloned());
    let (trusted, operations) = (Arc::new(trusted), Arc::new(operations));
    let admission = Arc::new(Admission::new(&server_limits));
    let cors = option_layer(cors::layer(&server_limits.cors_origins));
    let origins = Arc::new(Origins::new(&instance, &server_limits, public_url));
    let trusted_proxies: Arc<[_]> = server_limits.trusted_proxies.clone().into();
    let server_limits = Arc::new(server_limits);
    let metrics = match server_limits.metrics_listen {
        Some(_) => Router::new(),
        None => metrics::router(Arc::clone(&instance)),
    };
    let readiness = Arc::default();
    let state = State {
        instance,
        schema,
        documents,
        trusted,
        server_limits,
        stream_heartbeat: config.testing.stream_heartbeat,
        admission,
        link_clients: Arc::default(),
        budget: Arc::default(),
        answers: Answers::default(),
        readiness,
        origins,
        proxies: Arc::new(Proxies::new(public_url)),
        operations,
    };
    let router = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post).fallback(graphql::other))
        .route("/graphql/stream", get(stream::get).post(stream::post).fallback(graphql::other))
        .layer(compression())
        .route("/graphql/origin", post(socket::check_origin))
        .route("/artifacts/{token}/{file_name}", get(artifact::download))
        .layer(middleware::from_fn_with_state(state.clone(), limit_address))
        .layer(cors)
        .route("/schema.graphql", get(documentation::schema))
        .route("/docs/scalars", get(documentation::scalars))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(metrics)
        .merge(web::routes())
        .layer(DefaultBodyLimit::max(body_limits::MAX_BODY_BYTES))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(credential::at_most_one))
        .layer(middleware::from_fn_with_state(trusted_proxies, request::correlate))
        .with_state(state);
    Ok(router)
}

/// Applies the rate limit of the client's address, before any other work is done for the request.
async fn limit_address(
    extract::State(state): extract::State<State>,
    Extension(correlation): Extension<Correlation>,
    request: extract::Request,
    next: Next,
) -> Response {
    state.proxies.inspect(request.headers());
    let (mut response, rate_limit) = match state.admission.address(correlation.address) {
        Ok(rate_limit) => (next.run(request).await, rate_limit),
        Err(too_many) => {
            let (status, code) = (StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED);
            let problem = Problem { status, code, detail: too_many.message().into() };
            let mut response = problem.into_response();
            response.headers_mut().insert(header::RETRY_AFTER, too_many.retry_after.into());
            (response, too_many.rate_limit)
        }
    };
    if let Some(rate_limit) = rate_limit {
        rate_limit.set_headers(response.headers_mut());
    }
    response
}

/// Compresses GraphQL responses only. A download's length, ranges and ETag are those of the file, and
/// a compressor would delay events.
fn compression() -> CompressionLayer<impl Predicate> {
    let is_worth_it = predicate::SizeAbove::new(MIN_COMPRESSED_BYTES)
        .and(predicate::NotForContentType::const_new("text/event-stream"));
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_worth_it)
}
