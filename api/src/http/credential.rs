//! From a bearer token to a viewer, the same for HTTP and WebSocket.

use daybook_service::{Error, Instance, Viewer, access::token};
use http::{HeaderMap, header};

use super::request::Correlation;

/// Whoever the `Authorization` header names; none where there is no such header.
///
/// # Errors
/// A header that is no bearer token (RFC 6750), or a token that doesn't hold.
pub(super) fn from_headers(
    instance: &Instance,
    headers: &HeaderMap,
    correlation: &Correlation,
) -> Result<Option<Viewer>, Error> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| malformed())?;
    from_authorization(instance, value, correlation).map(Some)
}

/// Whoever an `Authorization` value names.
///
/// # Errors
/// As [`from_headers`].
pub(super) fn from_authorization(
    instance: &Instance,
    value: &str,
    correlation: &Correlation,
) -> Result<Viewer, Error> {
    let (scheme, token) = value.trim().split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(malformed());
    }
    let viewer = token::verify(&instance.secret, token.trim(), instance.clock.now())?;
    let Correlation { request_id, traceparent, address: _ } = correlation.clone();
    Ok(Viewer { request_id: Some(request_id), traceparent, ..viewer })
}

fn malformed() -> Error {
    Error::Unauthenticated("the Authorization header must be `Bearer` and a token")
}
