//! Downloads: `GET /artifacts/…` with ranges (RFC 9110, section 14).
//!
//! Forged, expired, foreign and unknown links all get the same 404.

use std::ops::Range;

use axum::{
    Extension,
    body::Body,
    extract::{self, Path, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use daybook_entity::artifact;
use daybook_service::{
    Viewer,
    access::Authority,
    artifacts::{self, link::Link},
};
use futures::TryStreamExt;
use headers::{ETag, HeaderMapExt, IfNoneMatch, IfRange};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{State, problem::Problem, request::Correlation};
use crate::graphql::code;

/// `GET /artifacts/{token}/{file_name}`.
pub(super) async fn download(
    extract::State(state): extract::State<State>,
    Extension(correlation): Extension<Correlation>,
    path: Result<Path<(String, String)>, PathRejection>,
    method: Method,
    mut headers: HeaderMap,
) -> Response {
    // A path that isn't even text leads nowhere, like any other.
    let Ok(Path((token, _))) = path else { return missing() };
    if method != Method::GET {
        // Ranges have a meaning for GET alone (RFC 9110, section 14.2).
        headers.remove(header::RANGE);
    }
    let Some(link) = artifacts::link::verify(&state.instance, &token) else { return missing() };
    match artifacts::by_link(&state.instance, &link).await {
        Ok(Some(artifact)) => {
            let response = serve(&state, &artifact, &headers).await;
            // A download that can't be recorded does not happen.
            if response.status().is_success()
                && method == Method::GET
                && let Err(error) = record(&state, &link, &artifact, correlation).await
            {
                return failed(&error);
            }
            response
        }
        Ok(None) => missing(),
        Err(error) => failed(&error),
    }
}

async fn record(
    state: &State,
    link: &Link,
    artifact: &artifact::Model,
    correlation: Correlation,
) -> daybook_service::Result<()> {
    let viewer = Viewer {
        subject: link.subject.clone(),
        email: None,
        authority: Authority::Token { expires_at: state.instance.clock.now() },
        request_id: Some(correlation.request_id),
        traceparent: correlation.traceparent,
    };
    artifacts::record_download(&state.instance, link, artifact, viewer).await
}

async fn serve(state: &State, artifact: &artifact::Model, headers: &HeaderMap) -> Response {
    let Ok(size) = u64::try_from(artifact.size_bytes) else { return missing() };
    let etag = etag(artifact);
    let is_known = headers
        .typed_get::<IfNoneMatch>()
        .is_some_and(|known| etag.as_ref().is_some_and(|etag| !known.precondition_passes(etag)));
    if is_known {
        return with_headers(StatusCode::NOT_MODIFIED, artifact, None, Body::empty());
    }
    let range = match range(headers, etag.as_ref(), size) {
        Ok(range) => range,
        Err(Unsatisfiable) => {
            let body = Body::empty();
            let mut response =
                with_headers(StatusCode::RANGE_NOT_SATISFIABLE, artifact, None, body);
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
            return response;
        }
    };
    let bytes = match state.instance.store.read(&artifact.object_key, range.clone()).await {
        Ok(bytes) => {
            let metrics = state.instance.metrics.clone();
            Body::from_stream(bytes.inspect_ok(move |bytes| metrics.downloaded(bytes.len() as u64)))
        }
        Err(error) => return failed(&error),
    };
    let Some(Range { start, end }) = range else {
        return with_headers(StatusCode::OK, artifact, Some(size), bytes);
    };
    let length = Some(end - start);
    let mut response = with_headers(StatusCode::PARTIAL_CONTENT, artifact, length, bytes);
    set(&mut response, header::CONTENT_RANGE, &format!("bytes {start}-{}/{size}", end - 1));
    response
}

struct Unsatisfiable;

/// The one range to serve; none for the whole. Several ranges are served as the whole, and so are
/// malformed ones, both of which a server may do.
fn range(
    headers: &HeaderMap,
    etag: Option<&ETag>,
    size: u64,
) -> Result<Option<Range<u64>>, Unsatisfiable> {
    let wanted = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let wanted = wanted.and_then(|value| value.strip_prefix("bytes="));
    let Some(range) = wanted.and_then(|wanted| parse(wanted, size)) else { return Ok(None) };
    let is_changed =
        headers.typed_get::<IfRange>().is_some_and(|known| known.is_modified(etag, None));
    if is_changed {
        return Ok(None);
    }
    if range.is_empty() { Err(Unsatisfiable) } else { Ok(Some(range)) }
}

/// A single range (RFC 9110, section 14.1.2), cut to `size`; an empty one where none of it is
/// there. Not by `headers::Range`, which holds a suffix longer than the file for unsatisfiable.
fn parse(wanted: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = wanted.trim().split_once('-')?;
    if first.is_empty() {
        return Some(size.saturating_sub(last.parse().ok()?)..size);
    }
    let first: u64 = first.parse().ok()?;
    let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    (first <= last).then(|| first..last.saturating_add(1).min(size))
}

fn with_headers(
    status: StatusCode,
    artifact: &artifact::Model,
    length: Option<u64>,
    body: Body,
) -> Response {
    let mut response = (status, body).into_response();
    set(&mut response, header::CONTENT_TYPE, &artifact.content_type);
    let disposition = format!("attachment; filename=\"{}\"", artifact.file_name);
    set(&mut response, header::CONTENT_DISPOSITION, &disposition);
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::CACHE_CONTROL, "private, no-transform");
    set(&mut response, header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    if let Some(length) = length {
        set(&mut response, header::CONTENT_LENGTH, &length.to_string());
    }
    if let Some(etag) = etag(artifact) {
        response.headers_mut().typed_insert(etag);
    }
    response
}

/// Strong: the SHA-256 of the bytes.
fn etag(artifact: &artifact::Model) -> Option<ETag> {
    format!("\"{}\"", daybook_service::hex(&artifact.sha256)).parse().ok()
}

fn set(response: &mut Response, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn missing() -> Response {
    let detail = "There is no such file, or the link to it has expired.".into();
    Problem { status: StatusCode::NOT_FOUND, code: code::NOT_FOUND, detail }.into_response()
}

fn failed(error: &daybook_service::Error) -> Response {
    tracing::error!(%error, "a download failed");
    let detail = "Daybook failed; its log says why, under the request's id.".into();
    Problem { status: StatusCode::INTERNAL_SERVER_ERROR, code: code::INTERNAL, detail }
        .into_response()
}
