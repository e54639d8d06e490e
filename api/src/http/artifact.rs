//! Downloads: `GET /artifacts/…` with ranges and conditions (RFC 9110).
//!
//! Forged, expired, foreign and unknown links all get the same 404 response.

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

use super::{problem::Problem, request::Correlation, state::State};
use crate::graphql::code;
use conditions::{Decision, decide};

pub(super) use rate::LinkClients;

/// A request with a valid link.
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

/// Reason why a request with a valid link does not get its file.
enum Refusal {
    /// The file is not in this process's store.
    Missing(Missing),
    /// Too many clients use the link. Holds the seconds after which one more may.
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
            // A download that can't be recorded is refused.
            let viewer = self.viewer();
            handout::record(
                &instance.recorder,
                &instance.core,
                viewer,
                (&self.link, &self.artifact),
                handout,
            )
            .await?;
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

    /// Returns true if the client has not used the link before; refuses it if too many clients have.
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
            address: Some(self.correlation.address),
            user_agent: self.correlation.user_agent.clone(),
        }
    }

    /// Builds a response with the file's headers, `status` and `body`.
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

/// Strong entity tag of the file: the SHA-256 of its bytes.
fn etag(artifact: &artifact::Model) -> Option<ETag> {
    format!("\"{}\"", daybook_service::hex(&artifact.sha256)).parse().ok()
}

fn set(response: &mut Response, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn missing() -> Response {
    let detail = "The file does not exist, or the link has expired. Request a new link.".into();
    Problem { status: StatusCode::NOT_FOUND, code: code::NOT_FOUND, detail }.into_response()
}

fn another(etag: &ETag) -> Response {
    let detail = "The file does not match If-Match; the ETag header identifies it.".into();
    let (status, code) = (StatusCode::PRECONDITION_FAILED, code::BAD_USER_INPUT);
    let mut response = Problem { status, code, detail }.into_response();
    response.headers_mut().typed_insert(etag.clone());
    response
}

/// Response for a file that this node does not have. Another node may have it and answer a retry.
fn not_here(missing: Missing) -> Response {
    let (status, detail) = match missing {
        Missing::Elsewhere(store) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "This file is in the artifact store of another node, on host {}. Try again to reach that \
                 node. To avoid this, set DAYBOOK_ARTIFACTS_URL to the same bucket on all nodes.",
                store.host
            ),
        ),
        Missing::Gone => (
            StatusCode::GONE,
            "This file is no longer in the artifact store: it was removed by something other than \
             Daybook. Start the job again to create a new file."
                .to_owned(),
        ),
    };
    let (retry, code) = (status == StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE);
    tracing::warn!(%status, "a requested file is not in this process's artifact store");
    let mut response = Problem { status, code, detail: detail.into() }.into_response();
    if retry {
        response.headers_mut().insert(header::RETRY_AFTER, 1.into());
    }
    response
}

fn too_many(seconds: u64) -> Response {
    let at_once = rate::CLIENTS_AT_ONCE;
    let detail = format!(
        "Too many clients use this link: {at_once} may use it at once, and one more every two seconds. \
         Try again in {seconds} s, or request a link of your own."
    );
    let (status, code) = (StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED);
    let mut response = Problem { status, code, detail: detail.into() }.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

fn failed(error: &Error) -> Response {
    if let Error::Fault(Fault::Busy(_) | Fault::TimedOut(_)) = error {
        tracing::warn!(%error, "can't start a download: the database is busy");
        return Problem::busy();
    }
    tracing::error!(%error, "a download failed");
    let detail = "Internal error. The server's log has the details under this request's ID.".into();
    Problem { status: StatusCode::INTERNAL_SERVER_ERROR, code: code::INTERNAL, detail }
        .into_response()
}
