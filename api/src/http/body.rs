//! How long a request's body may be.
//!
//! A note's body has a mebibyte, and JSON takes six bytes for each of its characters at the worst
//! (`\u001b`). Whoever has a credential may therefore send longer bodies; what is longer is long
//! strings: the rest of it stays within the limit that holds for everyone, so that the values made
//! of it are no more.

use std::time::Duration;

use axum::extract::Request;
use futures::TryStreamExt;
use headers::{ContentLength, Expect, HeaderMapExt};
use http::StatusCode;

/// Largest body, in bytes, and most bytes outside of strings in any.
pub(super) const BODY: usize = 1024 * 1024;
/// Largest body that comes with a credential: a note's body at its worst, and the rest.
const BODY_WITH_CREDENTIAL: usize = 6 * daybook_service::notes::BODY_BYTES + BODY;
/// Bytes beyond the limit that are still read, and thrown away: a connection that is closed while
/// its client sends is reset, and the client may never see the answer (RFC 9112, section 9.6).
const THROWN_AWAY: usize = 64 * 1024 * 1024;

/// Why a body is not taken.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: &'static str,
}

impl Refusal {
    fn too_large(message: &'static str) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, message }
    }
}

/// The body of `request`.
///
/// # Errors
/// One that is longer than it may be, or that can't be read.
pub(super) async fn read(
    request: Request,
    has_credential: bool,
    patience: Duration,
) -> Result<Vec<u8>, Refusal> {
    let limit = if has_credential { BODY_WITH_CREDENTIAL } else { BODY };
    let body = tokio::time::timeout(patience, whole(request, limit)).await;
    let body = body.map_err(|_| Refusal {
        status: StatusCode::REQUEST_TIMEOUT,
        message: "The body took too long to come",
    })?;
    let body = body.map_err(|_| Refusal {
        status: StatusCode::BAD_REQUEST,
        message: "The body could not be read",
    })?;
    let body = body.ok_or_else(|| {
        Refusal::too_large("The body is longer than 1 MiB, or 7 MiB with a credential")
    })?;
    if body.len() > BODY && outside_strings(&body) > BODY {
        return Err(Refusal::too_large("The body is longer than 1 MiB outside of its strings"));
    }
    Ok(body)
}

/// The body, unless it is longer than `limit`.
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
        if length > limit + THROWN_AWAY {
            break;
        } else if length <= limit {
            body.extend_from_slice(&chunk);
        } else {
            body = Vec::new();
        }
    }
    Ok((length <= limit).then_some(body))
}

/// Bytes of `json` that are not within a string; its quotes are none of the string's.
fn outside_strings(json: &[u8]) -> usize {
    let (mut outside, mut rest) = (0, json);
    while let Some(start) = rest.iter().position(|byte| *byte == b'"') {
        outside += start + 2;
        rest = &rest[start + 1..];
        // To the quote that no backslash escapes.
        let mut end = 0;
        while let Some(byte) = rest.get(end).filter(|byte| **byte != b'"') {
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    outside + rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_strings_hold_is_left_out() {
        for (json, outside) in [
            ("", 0),
            ("[1,2]", 5),
            ("\"abc\"", 2),
            ("{\"a\":\"b\\\"c\"}", 7),
            ("[\"\\\\\",1]", 6),
            ("[\"\",\"\"]", 7),
            ("\"open", 2),
            ("\"open\\", 2),
        ] {
            assert_eq!(outside_strings(json.as_bytes()), outside, "{json}");
        }
    }

    proptest! {
        #[test]
        fn strings_count_as_their_quotes(text: String, count in 0..5_usize) {
            let value = serde_json::json!(vec![text; count]).to_string();
            prop_assert_eq!(outside_strings(value.as_bytes()), 2 + (3 * count).saturating_sub(1));
        }
    }
}
