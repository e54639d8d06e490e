//! Gives each request an ID, a span and security headers.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
use daybook_service::trace;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use tracing::{Instrument, Span, field::Empty};

use super::{forwarded, problem};
use crate::traces;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Maximum length of a request ID that is accepted from a client, in characters.
const MAX_REQUEST_ID_CHARS: usize = 100;
/// Maximum length of a user agent in an entry, in characters.
const MAX_USER_AGENT_CHARS: usize = 1_000;

/// Identifiers that correlate a request with its effects.
#[derive(Clone, Debug)]
pub(super) struct Correlation {
    /// From the client's `X-Request-Id`, or new.
    pub(super) request_id: String,
    /// The W3C `traceparent` to pass on: of this request if traces are exported, and otherwise the
    /// client's.
    pub(super) traceparent: Option<String>,
    /// Address of the client; that of a proxy if it is not a trusted one.
    pub(super) address: IpAddr,
    /// The client's `User-Agent`, if it has one.
    pub(super) user_agent: Option<String>,
}

/// Gives the request its ID and span, and returns the ID in a response header.
pub(super) async fn correlate(
    State(trusted_proxies): State<Arc<[IpNet]>>,
    mut request: Request,
    next: Next,
) -> Response {
    let connection = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = connection.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(from)| from.ip());
    let mut correlation = Correlation {
        address: forwarded::client(&trusted_proxies, peer, request.headers()),
        user_agent: user_agent(request.headers()),
        request_id: text(request.headers(), &REQUEST_ID).unwrap_or_else(new_id),
        traceparent: text(request.headers(), &TRACEPARENT),
    };
    let span = tracing::info_span!(
        "request",
        request.id = correlation.request_id,
        http.method = %request.method(),
        // Only the first segment: the query may hold a document, and download links are credentials.
        http.route = request.uri().path().split('/').nth(1),
        // Set if traces are exported.
        otel.kind = Empty,
        otel.name = Empty,
        http.response.status_code = Empty,
    );
    if traces::are_exported() {
        correlation.traceparent = begin(&span, &request, correlation.traceparent.as_deref());
    }
    let id = correlation.request_id.clone();
    request.extensions_mut().insert(correlation);
    let response = next.run(request).instrument(span.clone()).await;
    if traces::are_exported() {
        span.record("http.response.status_code", response.status().as_u16());
    }
    drop(span);
    let mut response = problem::write(response, &id);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    // Pages set their own policy; a browser should render nothing else.
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Makes the request's span part of the client's trace, and returns the `traceparent` to pass on.
fn begin(span: &Span, request: &Request, traceparent: Option<&str>) -> Option<String> {
    let path = request.uri().path().split('/').nth(1).unwrap_or_default();
    span.record("otel.kind", "server");
    span.record("otel.name", format!("{} /{path}", request.method()));
    trace::join(span, traceparent);
    trace::traceparent(span)
}

/// Returns the `User-Agent` without control characters. A text that is too long ends in `…`.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(header::USER_AGENT)?.as_bytes());
    let mut chars = text.chars().filter(|c| !c.is_control());
    let mut kept: String = chars.by_ref().take(MAX_USER_AGENT_CHARS - 1).collect();
    kept.extend(chars.next().map(|last| if chars.next().is_some() { '…' } else { last }));
    (!kept.is_empty()).then_some(kept)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    let is_plain = text.chars().all(|c| c.is_ascii_graphic());
    (is_plain && (1..=MAX_REQUEST_ID_CHARS).contains(&text.len())).then(|| text.to_owned())
}

fn new_id() -> String {
    uuid::Uuid::from_bytes(daybook_service::random_bytes()).simple().to_string()
}
