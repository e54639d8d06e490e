//! Reads request bodies within limits on size and time.

use std::time::Duration;

use axum::extract::Request;
use futures::TryStreamExt;
use headers::{ContentLength, Expect, HeaderMapExt};
use http::StatusCode;

use super::{
    admission::{RateLimitKey, TooMany},
    body_limits::{
        Credential, MAX_BODY_BYTES, MAX_BYTES_BESIDE_DOCUMENT, MAX_BYTES_WITH_CREDENTIAL,
    },
    budget::{Budget, Permits},
    json::{self, Measure},
};

/// Maximum number of bytes beyond the limit that are read and discarded. A connection that is closed
/// while its client sends is reset, and the client may never see the response (RFC 9112, section 9.6).
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;

/// Limits on a body's size, time and memory.
pub(super) struct Limits<'a> {
    pub(super) credential: Credential,
    pub(super) rate_limit_key: &'a RateLimitKey,
    pub(super) budget: &'a Budget,
    pub(super) document_bytes: usize,
    pub(super) timeout: Duration,
}

impl Limits<'_> {
    fn bytes(&self) -> usize {
        match self.credential {
            Credential::Held => MAX_BYTES_WITH_CREDENTIAL,
            Credential::None => {
                (self.document_bytes + MAX_BYTES_BESIDE_DOCUMENT).min(MAX_BODY_BYTES)
            }
        }
    }
}

/// A body and its reservation of memory.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) measure: Measure,
    _permits: Permits,
}

/// Reason why a body is rejected.
pub(super) enum Refusal {
    Malformed { status: StatusCode, message: String },
    TooMany(TooMany),
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Malformed { status, message: message.into() }
    }

    fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }
}

/// Reads and measures the body of `request` once memory for it is reserved.
///
/// # Errors
/// Fails if the body is too long, has too many values or can't be read, or no memory is free in time.
pub(super) async fn read(request: Request, limits: &Limits<'_>) -> Result<Body, Refusal> {
    let limit = limits.bytes();
    let declared = request.headers().typed_get::<ContentLength>();
    let declared = declared.map(|length| usize::try_from(length.0).unwrap_or(usize::MAX));
    // A body that is too long is discarded, and one of unknown length may reach the limit.
    let room = declared.map_or(limit, |declared| if declared > limit { 0 } else { declared });
    let permits = match limits.budget.body(limits.rate_limit_key, room).await {
        Ok(permits) => permits,
        Err(too_many) => {
            // Read and discarded, so that the client gets to read the refusal.
            let _ = tokio::time::timeout(limits.timeout, whole(request, 0)).await;
            return Err(Refusal::TooMany(too_many));
        }
    };
    let bytes = tokio::time::timeout(limits.timeout, whole(request, limit)).await;
    let bytes = bytes.map_err(|_| {
        Refusal::new(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time")
    })?;
    let bytes = bytes
        .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "The body could not be read"))?
        .ok_or_else(|| {
            let kibibytes = limit / 1024;
            Refusal::too_large(match limits.credential {
                Credential::Held => format!("The body is longer than {kibibytes} KiB"),
                Credential::None => format!(
                    "The body is longer than {kibibytes} KiB, or {} KiB with a credential",
                    MAX_BYTES_WITH_CREDENTIAL / 1024
                ),
            })
        })?;
    let measure = json::measure(&bytes);
    measure.check(limits.credential).map_err(Refusal::too_large)?;
    Ok(Body { bytes, measure, _permits: permits })
}

/// Returns the body, unless it is longer than `limit`.
async fn whole(request: Request, limit: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let declared = request.headers().typed_get::<ContentLength>().map_or(0, |length| length.0);
    let waits = request.headers().typed_get::<Expect>().is_some();
    if waits && declared > limit as u64 {
        return Ok(None);
    }
    let mut chunks = request.into_body().into_data_stream();
    let (mut body, mut length) = (Vec::new(), 0);
    while let Some(chunk) = chunks.try_next().await? {
        length += chunk.len();
        if length > limit + MAX_DISCARDED_BYTES {
            break;
        } else if length <= limit {
            body.extend_from_slice(&chunk);
        } else {
            body = Vec::new();
        }
    }
    Ok((length <= limit).then_some(body))
}
