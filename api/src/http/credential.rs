//! From an `Authorization` value to a viewer, the same for HTTP and WebSocket.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use daybook_service::{
    Error, Fault, Instance, Viewer,
    access::{self, Authority, api_keys, oidc, token},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{errors, problem::Problem, request::Correlation};
use crate::graphql::code;

/// How often whoever keeps a connection open asks whether a credential that can be revoked still
/// holds.
const REVOCATION_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Whoever the `Authorization` header names; none where there is no such header. There is one at the
/// most: [`at_most_one`] has seen to it.
///
/// # Errors
/// A header that is no bearer token (RFC 6750), or a token or API key that doesn't hold or can't be
/// checked; a database fault.
pub(super) async fn from_headers(
    instance: &Arc<Instance>,
    headers: &HeaderMap,
    correlation: &Correlation,
) -> Result<Option<Viewer>, Error> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| malformed())?;
    from_authorization(instance, value, correlation).await.map(Some)
}

/// Whoever an `Authorization` value names.
///
/// # Errors
/// As [`from_headers`].
pub(super) async fn from_authorization(
    instance: &Arc<Instance>,
    value: &str,
    correlation: &Correlation,
) -> Result<Viewer, Error> {
    let (scheme, token) = value.trim().split_once(' ').ok_or_else(malformed)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || !is_token(token) {
        return Err(malformed());
    }
    let viewer = if api_keys::is_api_key(token) {
        api_keys::verify(instance, token).await?
    } else if oidc::is_foreign(token) {
        oidc::verify(instance, token).await?
    } else {
        token::verify(&instance.secret, token, instance.clock.now())?
    };
    let Correlation { request_id, traceparent, address: _ } = correlation.clone();
    Ok(Viewer { request_id: Some(request_id), traceparent, ..viewer })
}

/// Returns true for what RFC 6750 takes as a token, which no list of two is.
fn is_token(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let inner = text.trim_end_matches('=');
    !inner.is_empty() && inner.bytes().all(is_inner)
}

fn malformed() -> Error {
    Error::Unauthenticated("the Authorization header must be `Bearer` and a token or API key")
}

/// Refuses a request with more than one `Authorization` header, whichever of them would do: what is
/// between may have looked at another one.
pub(super) async fn at_most_one(request: Request, next: Next) -> Response {
    let count = request.headers().get_all(header::AUTHORIZATION).iter().count();
    if count <= 1 {
        return next.run(request).await;
    }
    let detail = format!("The request has {count} Authorization headers: send one.").into();
    Problem { status: StatusCode::BAD_REQUEST, code: code::BAD_USER_INPUT, detail }.into_response()
}

/// How a request is answered whose credential can't be used.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// A header that says what to do.
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// What is said of `error`. A fault is logged here, once, and not shown.
    pub(super) fn of(error: &Error) -> Self {
        let (status, code, header) = match error {
            Error::Fault(fault @ (Fault::Busy(_) | Fault::TimedOut(_))) => {
                tracing::warn!(error = %fault, "a credential can't be looked at now");
                let message = "The database has no connection free: try again later".to_owned();
                let header =
                    Some((header::RETRY_AFTER, HeaderValue::from(errors::RETRY_AFTER_SECONDS)));
                let status = StatusCode::TOO_MANY_REQUESTS;
                return Self { status, code: code::RATE_LIMITED, message, header };
            }
            Error::Fault(fault) => {
                tracing::error!(error = %fault, "a credential can't be looked at");
                let message = "Daybook failed; its log says why, under the request's id".to_owned();
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                return Self { status, code: code::INTERNAL, message, header: None };
            }
            Error::Unavailable { retry_after, .. } => {
                let header = (header::RETRY_AFTER, HeaderValue::from(*retry_after));
                (StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, header)
            }
            Error::Unauthenticated(_) | Error::Forbidden(_) | Error::Refused(_) => {
                let challenge = HeaderValue::from_static("Bearer realm=\"daybook\"");
                let header = (header::WWW_AUTHENTICATE, challenge);
                (StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED, header)
            }
        };
        Self { status, code, message: error.to_string(), header: Some(header) }
    }

    /// `response` with the header that says what to do.
    pub(super) fn with_header(self, mut response: Response) -> Response {
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// Waits until a credential holds no more: it has expired, or was revoked. For ever where there is
/// none.
pub(super) async fn end(instance: Arc<Instance>, viewer: Option<Viewer>) {
    let Some(viewer) = viewer else { return std::future::pending().await };
    loop {
        let now = instance.clock.now();
        let expiry = viewer.expires_at().map(|expiry| (expiry - now).to_std().unwrap_or_default());
        let pause = match viewer.authority {
            Authority::ApiKey { .. } => Some(
                expiry.map_or(REVOCATION_CHECK_INTERVAL, |it| it.min(REVOCATION_CHECK_INTERVAL)),
            ),
            Authority::Token { .. } | Authority::CommandLine | Authority::Host(_) => expiry,
        };
        let Some(pause) = pause else { return std::future::pending().await };
        tokio::time::sleep(pause).await;
        // In a task: whoever waits here may leave off for as long as its client doesn't read, and would
        // keep what asking takes, a turn at the database, from everyone else.
        let asking = {
            let (instance, viewer) = (Arc::clone(&instance), viewer.clone());
            async move { access::holds(&instance, &viewer).await }
        };
        match instance.tasks.spawn(asking).await.map_err(Fault::from).map_err(Error::from).flatten()
        {
            Ok(true) => {}
            Ok(false) => return,
            // What is delivered meanwhile is asked about by itself.
            Err(error) => tracing::debug!(%error, "whether a credential holds can't be told"),
        }
    }
}
