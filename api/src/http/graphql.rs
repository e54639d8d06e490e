//! GraphQL over HTTP, GraphiQL, and the entry points of WebSocket and server-sent events.
//!
//! Implements <https://graphql.github.io/graphql-over-http/draft/>, including every MUST, SHOULD and
//! MAY that the audits of graphql-http check.

mod accept;
mod answer;
mod incoming;
mod sent;
pub(super) mod stream;

use async_graphql::parser::types::OperationType;
use axum::{
    Extension,
    extract::{self, FromRequestParts, WebSocketUpgrade},
    response::{IntoResponse, Response},
};
use daybook_service::Error;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{
    credential::Refusal,
    errors,
    operation::{self, Client},
    parameters::Parameters,
    request::Correlation,
    socket,
    state::State,
    web,
};
use crate::graphql::code;
use accept::Accept;

/// `POST /graphql`.
pub(super) async fn post(
    extract::State(state): extract::State<State>,
    Extension(correlation): Extension<Correlation>,
    request: extract::Request,
) -> Response {
    let accept = Accept::of(request.headers());
    let client = Client::of(&state, request.headers(), &correlation).await;
    let sender = Client::sender(client.as_ref().ok(), &correlation);
    match incoming::from_body(&state, &sender, request).await {
        Ok(parameters) => run(&state, client, accept, parameters, &Method::POST).await,
        Err(malformed) => accept.malformed(&malformed),
    }
}

/// `GET /graphql`: a WebSocket upgrade, a query in the URL, or GraphiQL for a browser.
pub(super) async fn get(
    extract::State(state): extract::State<State>,
    Extension(correlation): Extension<Correlation>,
    request: extract::Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let headers = parts.headers.clone();
    if headers.contains_key(header::UPGRADE) {
        return match WebSocketUpgrade::from_request_parts(&mut parts, &state).await {
            Ok(upgrade) => socket::accept(state, correlation, &headers, upgrade).await,
            Err(rejection) => rejection.into_response(),
        };
    }
    let accept = Accept::of(&headers);
    let client = Client::of(&state, &headers, &correlation).await;
    let sender = Client::sender(client.as_ref().ok(), &correlation);
    let parameters = match incoming::from_url(&state, &sender, &parts.uri).await {
        Ok(Some(parameters)) => parameters,
        Ok(None) if accept.is_browser && state.server_limits.graphiql => {
            return web::graphiql(&headers);
        }
        Ok(None) => {
            let message = "The parameter `query` is missing";
            return accept.error(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message);
        }
        Err(malformed) => return accept.malformed(&malformed),
    };
    run(&state, client, accept, parameters, &Method::GET).await
}

/// Any other method on `/graphql`.
pub(super) async fn other(headers: HeaderMap) -> Response {
    let accept = Accept::of(&headers);
    method_not_allowed(accept, "Use GET or POST", "GET, HEAD, POST")
}

async fn run(
    state: &State,
    client: Result<Client, Error>,
    accept: Accept,
    parameters: Parameters,
    method: &Method,
) -> Response {
    let client = match client {
        Ok(client) => client,
        Err(error) => return no_viewer(accept, &error),
    };
    let (mut response, rate_limit) = match operation::admit(state, &client) {
        Ok(rate_limit) => (execute(state, &client, accept, parameters, method).await, rate_limit),
        Err(too_many) => (accept.refuse(errors::too_many(too_many)), too_many.rate_limit),
    };
    if let Some(rate_limit) = rate_limit {
        rate_limit.set_headers(response.headers_mut());
    }
    response
}

async fn execute(
    state: &State,
    client: &Client,
    accept: Accept,
    parameters: Parameters,
    method: &Method,
) -> Response {
    let document = match operation::document(state, &parameters) {
        Ok(document) => document,
        Err(errors) => return accept.refuse(errors),
    };
    if method == Method::GET && !document.is_query(parameters.operation_name.as_deref()) {
        return method_not_allowed(accept, "GET accepts only queries; use POST", "POST");
    }
    match operation::prepare(state, client, &document, parameters) {
        Ok(operation) if operation.kind == OperationType::Subscription => {
            let message =
                "Send subscriptions over a WebSocket, or to /graphql/stream for server-sent events";
            accept.refuse(vec![errors::error(code::BAD_USER_INPUT, message)])
        }
        Ok(operation) => accept.answer(operation.run(state).await),
        Err(errors) => accept.refuse(errors),
    }
}

fn method_not_allowed(accept: Accept, message: &str, allowed: &'static str) -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = accept.error(status, code::BAD_USER_INPUT, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Response to a credential that is not valid or can't be verified.
fn no_viewer(accept: Accept, error: &Error) -> Response {
    let refusal = Refusal::of(error);
    let response = accept.error(refusal.status, refusal.code, &refusal.message);
    refusal.with_header(response)
}
