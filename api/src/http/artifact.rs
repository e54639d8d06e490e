//! Downloads: `GET /artifacts/…` with ranges and conditions (RFC 9110).
//!
//! Forged, expired, foreign and unknown links all get the same 404.

mod conditions;
mod rate;

use axum::{
    Extension,
    body::Body,
    extract::{self, Path, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use daybook_entity::artifact;
use daybook_service::{
    Error, Fault, Viewer,
    access::Authority,
    artifacts::{self, Handout, Missing, handout, link::Link},
    metrics::Download,
};
use futures::TryStreamExt;
use headers::{ETag, HeaderMapExt};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{State, problem::Problem, request::Correlation};
use crate::graphql::code;
use conditions::{Decision, decide};

pub(super) use rate::LinkClients;

/// A request that a valid link came with.
struct Request<'a> {
    state: &'a State,
    link: Link,
    artifact: artifact::Model,
    etag: ETag,
    size: u64,
    correlation: Correlation,
}

/// `GET /artifacts/{token}/{file_name}`.
pub(super) async fn download(
    extract::State(state): extract::State<State>,
    Extension(correlation): Extension<Correlation>,
    path: Result<Path<(String, String)>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    // A path that isn't even text leads nowhere, like any other.
    let Ok(Path((token, _))) = path else { return missing() };
    let Some(link) = artifacts::link::verify(&state.instance, &token) else { return missing() };
    let artifact = match artifacts::by_link(&state.instance, &link).await {
        Ok(Some(artifact)) => artifact,
        Ok(None) => return missing(),
        Err(error) => return failed(&error),
    };
    let (Ok(size), Some(etag)) = (u64::try_from(artifact.size_bytes), etag(&artifact)) else {
        return missing();
    };
    let decision = decide(&method, &headers, &etag, size);
    let request = Request { state: &state, link, artifact, etag, size, correlation };
    match request.answer(&method, decision).await {
        Ok(response) => response,
        Err(Refusal::Missing(missing)) => not_here(missing),
        Err(Refusal::TooManyClients(seconds)) => too_many(seconds),
        Err(Refusal::Failed(error)) => failed(&error),
    }
}

/// Why a valid link does not give its file.
enum Refusal {
    /// The file is not in this process's store.
    Missing(Missing),
    /// Too many clients use the link; one more may in so many seconds.
    TooManyClients(u64),
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Request<'_> {
    async fn answer(self, method: &Method, decision: Decision) -> Result<Response, Refusal> {
        let range = match decision {
            Decision::NotModified => return Ok(self.file(StatusCode::NOT_MODIFIED, Body::empty())),
            Decision::PreconditionFailed => return Ok(another(&self.etag)),
            Decision::Unsatisfiable => {
                let mut response = self.file(StatusCode::RANGE_NOT_SATISFIABLE, Body::empty());
                let range = format!("bytes */{}", self.size);
                set(&mut response, header::CONTENT_RANGE, &range);
                return Ok(response);
            }
            Decision::Whole => None,
            Decision::Part(range) => Some(range),
        };
        let handout = Handout::Download(self.correlation.address);
        let is_new = method == Method::GET && self.is_new(handout).await?;
        let instance = &self.state.instance;
        let opened = artifacts::open(instance, &self.artifact, range.clone()).await?;
        let bytes = opened.map_err(Refusal::Missing)?;
        if is_new {
            // A download that can't be recorded does not happen.
            let viewer = self.viewer();
            handout::record(instance, viewer, (&self.link, &self.artifact), handout).await?;
        }
        if method == Method::GET {
            let download = if is_new { Download::Recorded } else { Download::Repeated };
            instance.metrics.download(download);
        }
        let metrics = instance.metrics.clone();
        let bytes = bytes.inspect_ok(move |bytes| metrics.downloaded(bytes.len() as u64));
        let (status, length) = match &range {
            None => (StatusCode::OK, self.size),
            Some(range) => (StatusCode::PARTIAL_CONTENT, range.end - range.start),
        };
        let mut response = self.file(status, Body::from_stream(bytes));
        set(&mut response, header::CONTENT_LENGTH, &length.to_string());
        if let Some(range) = range {
            let range = format!("bytes {}-{}/{}", range.start, range.end - 1, self.size);
            set(&mut response, header::CONTENT_RANGE, &range);
        }
        Ok(response)
    }

    /// Reports whether the client is one that has not used the link before, if there is room for one.
    async fn is_new(&self, handout: Handout) -> Result<bool, Refusal> {
        let Self { state, link, .. } = self;
        if handout::is_recorded(&state.instance, link, handout).await? {
            return Ok(false);
        }
        match state.link_clients.admit(link.identity()) {
            Ok(()) => Ok(true),
            Err(seconds) => {
                state.instance.metrics.download(Download::Refused);
                Err(Refusal::TooManyClients(seconds))
            }
        }
    }

    fn viewer(&self) -> Viewer {
        Viewer {
            subject: self.link.subject.clone(),
            email: None,
            authority: Authority::Token { expires_at: self.link.expires_at },
            request_id: Some(self.correlation.request_id.clone()),
            traceparent: self.correlation.traceparent.clone(),
        }
    }

    /// An answer about the file: its headers, with `status` and `body`.
    fn file(&self, status: StatusCode, body: Body) -> Response {
        let mut response = (status, body).into_response();
        set(&mut response, header::CONTENT_TYPE, &self.artifact.content_type);
        let disposition = format!("attachment; filename=\"{}\"", self.artifact.file_name);
        set(&mut response, header::CONTENT_DISPOSITION, &disposition);
        set(&mut response, header::ACCEPT_RANGES, "bytes");
        set(&mut response, header::CACHE_CONTROL, "private, no-transform");
        set(&mut response, header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
        response.headers_mut().typed_insert(self.etag.clone());
        response
    }
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

fn another(etag: &ETag) -> Response {
    let detail = "The file is not the one that If-Match names; ETag says which one it is.".into();
    let (status, code) = (StatusCode::PRECONDITION_FAILED, code::BAD_USER_INPUT);
    let mut response = Problem { status, code, detail }.into_response();
    response.headers_mut().typed_insert(etag.clone());
    response
}

/// Another node may have it, to which the next try may come.
fn not_here(missing: Missing) -> Response {
    let (status, detail) = match missing {
        Missing::Elsewhere(store) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "This file is in the artifact store of another node, on {}, and not in this node's. Try \
                 again to be answered by that node; whoever runs Daybook can set DAYBOOK_ARTIFACTS_URL to \
                 one bucket for all nodes.",
                store.host
            ),
        ),
        Missing::Gone => (
            StatusCode::GONE,
            "This file is no longer in the artifact store: something else than Daybook has removed \
             it. Start the job again to have another one."
                .to_owned(),
        ),
    };
    let (retry, code) = (status == StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE);
    tracing::warn!(%status, "a file is not in this process's artifact store");
    let mut response = Problem { status, code, detail: detail.into() }.into_response();
    if retry {
        response.headers_mut().insert(header::RETRY_AFTER, 1.into());
    }
    response
}

fn too_many(seconds: u64) -> Response {
    let at_once = rate::CLIENTS_AT_ONCE;
    let detail = format!(
        "Too many clients use this link: {at_once} may at once, and then one more every two seconds. \
         Try again in {seconds} s, or ask for a link of your own."
    );
    let (status, code) = (StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED);
    let mut response = Problem { status, code, detail: detail.into() }.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

fn failed(error: &Error) -> Response {
    if let Error::Fault(Fault::Busy(_) | Fault::TimedOut(_)) = error {
        tracing::warn!(%error, "a download can't be begun now");
        return Problem::busy();
    }
    tracing::error!(%error, "a download failed");
    let detail = "Daybook failed; its log says why, under the request's id.".into();
    Problem { status: StatusCode::INTERNAL_SERVER_ERROR, code: code::INTERNAL, detail }
        .into_response()
}
