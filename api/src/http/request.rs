//! Each request has an id, a span and safe headers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tracing::Instrument;

use super::problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest id that is taken over from a client, in characters.
const LONGEST: usize = 100;

/// What correlates a request with what it caused.
#[derive(Clone, Debug)]
pub(super) struct Correlation {
    /// From the client's `X-Request-Id`, or new.
    pub(super) request_id: String,
    /// The client's W3C `traceparent`.
    pub(super) traceparent: Option<String>,
    /// Where the connection comes from: a proxy, where there is one.
    pub(super) address: IpAddr,
}

/// Gives the request its id and span, and says the id in the answer.
pub(super) async fn trace(mut request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let correlation = Correlation {
        address: connection.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(from)| from.ip()),
        request_id: text(request.headers(), &REQUEST_ID).unwrap_or_else(new_id),
        traceparent: text(request.headers(), &TRACEPARENT),
    };
    let span = tracing::info_span!(
        "request",
        request.id = correlation.request_id,
        http.method = %request.method(),
        // Without the query, which may hold a document; and links are as good as credentials.
        http.route = request.uri().path().split('/').nth(1),
    );
    let id = correlation.request_id.clone();
    request.extensions_mut().insert(correlation);
    let response = next.run(request).instrument(span).await;
    let mut response = problem::write(response, &id);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    // Pages have one of their own; nothing else is for a browser to show.
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    let is_plain = text.chars().all(|c| c.is_ascii_graphic());
    (is_plain && (1..=LONGEST).contains(&text.len())).then(|| text.to_owned())
}

fn new_id() -> String {
    uuid::Uuid::from_bytes(daybook_service::random_bytes()).simple().to_string()
}
