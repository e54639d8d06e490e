//! GraphQL over HTTP, GraphiQL, and the way to the WebSocket.
//!
//! <https://graphql.github.io/graphql-over-http/draft/>, every MUST, SHOULD and MAY of it that
//! graphql-http's audits know.

mod accept;
mod answer;

use async_graphql::parser::types::OperationType;
use axum::{
    Extension,
    extract::{self, FromRequestParts, Query, WebSocketUpgrade},
    response::{IntoResponse, Response},
};
use daybook_service::Viewer;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    State, body, credential, errors, operation,
    parameters::{Parameters, from_object},
    request::Correlation,
    socket, web,
};
use crate::graphql::code;
use accept::Accept;

const JSON: &str = "application/json";

/// `POST /graphql`.
pub(super) async fn post(
    extract::State(state): extract::State<State>,
    Extension(correlation): Extension<Correlation>,
    request: extract::Request,
) -> Response {
    let headers = request.headers().clone();
    let accept = Accept::of(&headers);
    if let Err(message) = check_media_type(&headers) {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return accept.error(status, code::BAD_USER_INPUT, message);
    }
    let viewer = credential::from_headers(&state.instance, &headers, &correlation);
    let has_credential = matches!(viewer, Ok(Some(_)));
    let body = match body::read(request, has_credential).await {
        Ok(body) => body,
        Err(body::Refusal { status, message }) => {
            return accept.error(status, code::BAD_USER_INPUT, message);
        }
    };
    match from_object(&body) {
        Ok(parameters) => run(&state, viewer, accept, parameters, &Method::POST).await,
        Err(error) => {
            accept.error(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, &malformed(&error))
        }
    }
}

/// JSON in UTF-8 as it is, and nothing that a browser sends elsewhere without asking.
fn check_media_type(headers: &HeaderMap) -> Result<(), &'static str> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = value.unwrap_or_default().split(';').map(str::trim);
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(JSON)) {
        return Err("The Content-Type must be application/json");
    }
    let charset = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    if charset.is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
        return Err("The charset must be utf-8");
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err("A Content-Encoding is not taken: send the JSON as it is");
    }
    Ok(())
}

/// What is wrong with a body, without a word of it.
fn malformed(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => {
            "The body must be a JSON object with `query` and, if any, `operationName`, \
             `variables`, `extensions`; batches are not taken"
                .to_owned()
        }
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => {
            format!("The body is not JSON: line {}, column {}", error.line(), error.column())
        }
    }
}

/// The same parameters in a URL, where `variables` and `extensions` are JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UrlParameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
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
            Ok(upgrade) => socket::accept(state, correlation, &headers, upgrade),
            Err(rejection) => rejection.into_response(),
        };
    }
    let accept = Accept::of(&headers);
    let bad = |message: &str| accept.error(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message);
    let Ok(Query(parameters)) = Query::<UrlParameters>::try_from_uri(&parts.uri) else {
        return bad("The URL's parameters can't be read");
    };
    let UrlParameters { query, operation_name, variables, extensions } = parameters;
    let Some(query) = query else {
        return if accept.is_browser {
            web::graphiql(&headers)
        } else {
            bad("The parameter `query` is missing")
        };
    };
    // Clients that have no name to give leave it empty, as `variables` may be.
    let operation_name = operation_name.filter(|name| !name.is_empty());
    let Ok(variables) = json_parameter(variables) else {
        return bad("The parameter `variables` must be a JSON object");
    };
    let Ok(extensions) = json_parameter(extensions) else {
        return bad("The parameter `extensions` must be a JSON object");
    };
    let parameters = Parameters { query, operation_name, variables, extensions };
    let viewer = credential::from_headers(&state.instance, &headers, &correlation);
    run(&state, viewer, accept, parameters, &Method::GET).await
}

fn json_parameter<T: DeserializeOwned>(text: Option<String>) -> serde_json::Result<Option<T>> {
    let text = text.filter(|text| !text.is_empty());
    text.map_or(Ok(None), |text| serde_json::from_str(&text))
}

/// Any other method.
pub(super) async fn other(headers: HeaderMap) -> Response {
    let message = "Only GET and POST are taken";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = Accept::of(&headers).error(status, code::BAD_USER_INPUT, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    response
}

async fn run(
    state: &State,
    viewer: Result<Option<Viewer>, daybook_service::Error>,
    accept: Accept,
    parameters: Parameters,
    method: &Method,
) -> Response {
    let viewer = match viewer {
        Ok(viewer) => viewer,
        Err(error) => {
            let (status, message) = (StatusCode::UNAUTHORIZED, error.to_string());
            let mut response = accept.error(status, code::UNAUTHENTICATED, &message);
            let challenge = HeaderValue::from_static("Bearer realm=\"daybook\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            return response;
        }
    };
    let document = match operation::document(state, &parameters) {
        Ok(document) => document,
        Err(errors) => return accept.refuse(errors),
    };
    let name = parameters.operation_name.as_deref();
    if method == Method::GET && !operation::is_query(&document, name) {
        let (status, message) = (StatusCode::METHOD_NOT_ALLOWED, "Only queries are taken by GET");
        let mut response = accept.error(status, code::BAD_USER_INPUT, message);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    match operation::prepare(state, viewer, &document, parameters) {
        Ok(operation) if operation.kind == OperationType::Subscription => {
            let message =
                "Subscriptions are taken over a WebSocket, or as events at /graphql/stream";
            accept.refuse(vec![errors::error(code::BAD_USER_INPUT, message)])
        }
        Ok(operation) => accept.answer(operation.run(state).await),
        Err(errors) => accept.refuse(errors),
    }
}
