//! Errors outside of GraphQL, as problem details (RFC 9457).
//!
//! A handler sets status and text; the outermost layer writes the document with the request's ID, which
//! is also in the log. Plain-text errors of other layers become problems, too.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

use super::errors::RETRY_AFTER_SECONDS;
use crate::graphql::code;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error outside of GraphQL.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// Error code for programs, one of [`crate::graphql::code`].
    pub(super) code: &'static str,
    /// Description for people.
    pub(super) detail: Cow<'static, str>,
}

impl Problem {
    /// Response when the database has no free connection.
    pub(super) fn busy() -> Response {
        let detail = "The database has no free connection; try again later.".into();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut response = Self { status, code: code::RATE_LIMITED, detail }.into_response();
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS.into());
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Turns an error response into a problem document, unless its body is already written.
pub(super) fn write(response: Response, request_id: &str) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let problem = response.extensions().get::<Problem>().cloned();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_written = kind.is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"));
    // Responses for an artifact, such as 416, carry all information in their headers.
    let is_file = response.headers().contains_key(header::CONTENT_DISPOSITION);
    if problem.is_none() && (!is_error || is_written || is_file) {
        return response;
    }
    let title = status.canonical_reason().unwrap_or("Error");
    let mut document = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "requestId": request_id,
    });
    if let Some(Problem { status: _, code, detail }) = problem {
        document["code"] = code.into();
        document["detail"] = detail.into();
    }
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Response::from_parts(parts, Body::from(document.to_string()))
}
