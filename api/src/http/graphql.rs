//! GraphQL over HTTP, GraphiQL, and the way to the WebSocket.

use async_graphql::{
    Request, Response as GraphQLAnswer, ServerError, Variables,
    http::GraphiQLSource,
    parser::types::{DocumentOperations, ExecutableDocument, OperationType},
};
use async_graphql_axum::GraphQLResponse;
use axum::{
    Extension,
    body::Bytes,
    extract::{self, FromRequestParts, Query, WebSocketUpgrade, rejection::BytesRejection},
    response::{Html, IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::{
    State, credential,
    parameters::{Parameters, from_object},
    request::Correlation,
    socket,
};
use crate::graphql::{Caller, Refusal, code, parse};

const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

/// `POST /graphql`.
pub(super) async fn post(
    extract::State(state): extract::State<State>,
    Extension(correlation): Extension<Correlation>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let accept = Accept::of(&headers);
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| media_type(value).eq_ignore_ascii_case(JSON));
    if !is_json {
        let message = "The Content-Type must be application/json";
        return accept.error(StatusCode::UNSUPPORTED_MEDIA_TYPE, code::BAD_USER_INPUT, message);
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            let message = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => "The body is longer than 1 MiB",
                _ => "The body could not be read",
            };
            return accept.error(rejection.status(), code::BAD_USER_INPUT, message);
        }
    };
    match from_object(&body) {
        Ok(parameters) => run(&state, &correlation, &headers, parameters, Method::Post).await,
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            let message = match error.classify() {
                serde_json::error::Category::Data => {
                    "The body must be a JSON object with `query` and, if any, `operationName`, \
                     `variables`, `extensions`; batches are not taken"
                        .to_owned()
                }
                _ => format!("The body is not JSON: {place}"),
            };
            accept.error(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, &message)
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
    let Ok(Query(parameters)) = Query::<UrlParameters>::try_from_uri(&parts.uri) else {
        let message = "The URL's parameters can't be read";
        return accept.error(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message);
    };
    let UrlParameters { query, operation_name, variables } = parameters;
    let Some(query) = query else {
        if accept.html {
            return graphiql();
        }
        let message = "The parameter `query` is missing";
        return accept.error(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message);
    };
    let variables = match variables.as_deref().map(serde_json::from_str).transpose() {
        Ok(variables) => variables.flatten(),
        Err(_) => {
            let message = "The parameter `variables` must be a JSON object";
            return accept.error(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message);
        }
    };
    let parameters = Parameters { query, operation_name, variables, extensions: None };
    run(&state, &correlation, &headers, parameters, Method::Get).await
}

fn graphiql() -> Response {
    let page = GraphiQLSource::build()
        .title("Daybook GraphiQL")
        .endpoint("/graphql")
        .subscription_endpoint("/graphql")
        .finish();
    Html(page).into_response()
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Method {
    Get,
    Post,
}

async fn run(
    state: &State,
    correlation: &Correlation,
    headers: &HeaderMap,
    parameters: Parameters,
    method: Method,
) -> Response {
    let accept = Accept::of(headers);
    let viewer = match credential::from_headers(&state.instance, headers, correlation) {
        Ok(viewer) => viewer,
        Err(error) => {
            let message = error.to_string();
            let mut response =
                accept.error(StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED, &message);
            let challenge = HeaderValue::from_static("Bearer realm=\"daybook\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            return response;
        }
    };
    let Parameters { query, operation_name, variables, extensions: _ } = parameters;
    let document = match parse(&query) {
        Ok(document) => document,
        Err(refusal) => return accept.refuse(refusal),
    };
    if method == Method::Get && !is_query(&document, operation_name.as_deref()) {
        let message = "Only queries are taken by GET";
        let mut response =
            accept.error(StatusCode::METHOD_NOT_ALLOWED, code::BAD_USER_INPUT, message);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let mut request = Request::new(query).data(Caller(viewer));
    request.operation_name = operation_name;
    let variables = serde_json::Value::Object(variables.unwrap_or_default());
    request = request.variables(Variables::from_json(variables));
    request.set_parsed_query(document);
    accept.answer(state.schema.execute(request).await)
}

/// Whether the operation that would run is a query. Which one that is, where it's unclear, is for
/// the executor to say; it isn't run then.
fn is_query(document: &ExecutableDocument, operation_name: Option<&str>) -> bool {
    let is_query = |kind: OperationType| kind == OperationType::Query;
    match (&document.operations, operation_name) {
        (DocumentOperations::Single(operation), _) => is_query(operation.node.ty),
        (DocumentOperations::Multiple(operations), Some(name)) => {
            operations.get(name).is_none_or(|operation| is_query(operation.node.ty))
        }
        (DocumentOperations::Multiple(operations), None) => {
            operations.values().all(|operation| is_query(operation.node.ty))
        }
    }
}

/// What the client takes.
#[derive(Copy, Clone)]
struct Accept {
    /// Whether it knows the media type of GraphQL over HTTP, with its status codes.
    graphql: bool,
    /// Whether it's a browser that shows a page.
    html: bool,
}

impl Accept {
    fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut accept = Self { graphql: false, html: false };
        for kind in values.flat_map(|value| value.split(',')).map(media_type) {
            accept.graphql |= kind.eq_ignore_ascii_case(GRAPHQL_RESPONSE);
            accept.html |= kind.eq_ignore_ascii_case("text/html");
        }
        accept
    }

    /// An answer of the executor. A request that was not run (no `data` at all) is a 400 for
    /// clients that ask for GraphQL's own media type, and a 200 for those from before it.
    fn answer(self, answer: GraphQLAnswer) -> Response {
        let is_run = answer.data != async_graphql::Value::Null
            || answer.errors.is_empty()
            || answer.errors.iter().any(|error| !error.path.is_empty());
        if is_run {
            return self
                .with_headers((StatusCode::OK, GraphQLResponse::from(answer)).into_response());
        }
        let status = if self.graphql { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        self.respond(status, &answer.errors)
    }

    fn refuse(self, refusal: Refusal) -> Response {
        let status = if self.graphql { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        self.respond(status, &[refusal.into()])
    }

    fn error(self, status: StatusCode, code: &'static str, message: &str) -> Response {
        let mut error = ServerError::new(message, None);
        error.extensions.get_or_insert_default().set("code", code);
        self.respond(status, &[error])
    }

    /// A request error: no `data`, not even null (GraphQL, section 7.1).
    fn respond(self, status: StatusCode, errors: &[ServerError]) -> Response {
        let body = serde_json::json!({ "errors": errors }).to_string();
        self.with_headers((status, body).into_response())
    }

    fn with_headers(self, mut response: Response) -> Response {
        let kind = if self.graphql {
            "application/graphql-response+json; charset=utf-8"
        } else {
            "application/json; charset=utf-8"
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn media_type(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}
