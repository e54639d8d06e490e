//! Turns an `Authorization` value into a viewer, for HTTP and WebSocket.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use daybook_service::{
    Error, Fault, Instance, Viewer,
    access::{self, Authority, api_key, token},
    oidc,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{errors, problem::Problem, request::Correlation};
use crate::graphql::code;

/// Interval at which an open connection checks that its revocable credential is still valid.
const REVOCATION_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Returns the viewer that the `Authorization` header identifies; none if there is no such header.
/// [`at_most_one`] has already refused requests with several.
///
/// # Errors
/// Fails if the header is not a bearer token (RFC 6750), the token or API key is not valid or can't be
/// verified, or the database fails.
pub(super) async fn from_headers(
    instance: &Arc<Instance>,
    headers: &HeaderMap,
    correlation: &Correlation,
) -> Result<Option<Viewer>, Error> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| malformed())?;
    from_authorization(instance, value, correlation).await.map(Some)
}

/// Returns the viewer that an `Authorization` value identifies.
///
/// # Errors
/// As for [`from_headers`].
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
    let viewer = if api_key::is_api_key(token) {
        api_key::verify(&instance.core, &instance.authenticator, token).await?
    } else if oidc::is_foreign(token) {
        oidc::verify(&instance.core, instance.provider.as_ref(), token).await?
    } else {
        token::verify(&instance.secret, token, instance.clock.now())?
    };
    let Correlation { request_id, traceparent, address, user_agent } = correlation.clone();
    let (request_id, address) = (Some(request_id), Some(address));
    Ok(Viewer { request_id, traceparent, address, user_agent, ..viewer })
}

/// Returns true if RFC 6750 permits the text as a token, which excludes lists of tokens.
fn is_token(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let inner = text.trim_end_matches('=');
    !inner.is_empty() && inner.bytes().all(is_inner)
}

fn malformed() -> Error {
    Error::Unauthenticated(
        "the Authorization header must be `Bearer` followed by a token or API key",
    )
}

/// Refuses a request with more than one `Authorization` header, even if each is valid: a proxy may
/// have checked another one than the server would.
pub(super) async fn at_most_one(request: Request, next: Next) -> Response {
    let count = request.headers().get_all(header::AUTHORIZATION).iter().count();
    if count <= 1 {
        return next.run(request).await;
    }
    let detail = format!("The request has {count} Authorization headers; send only one.").into();
    Problem { status: StatusCode::BAD_REQUEST, code: code::BAD_USER_INPUT, detail }.into_response()
}

/// Response to a request whose credential is not accepted.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// `Retry-After` or `WWW-Authenticate`.
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// Returns the response to `error`. A fault is logged here, once, and not shown to the client.
    pub(super) fn of(error: &Error) -> Self {
        let (status, code, header) = match error {
            Error::Fault(fault @ (Fault::Busy(_) | Fault::TimedOut(_))) => {
                tracing::warn!(error = %fault, "failed to verify credential: the database is busy");
                let message = "The database has no free connection; try again later".to_owned();
                let header =
                    Some((header::RETRY_AFTER, HeaderValue::from(errors::RETRY_AFTER_SECONDS)));
                let status = StatusCode::TOO_MANY_REQUESTS;
                return Self { status, code: code::RATE_LIMITED, message, header };
            }
            Error::Fault(fault) => {
                tracing::error!(error = %fault, "failed to verify credential");
                let message =
                    "Internal error; the server's log has the details under this request's ID"
                        .to_owned();
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

    /// Adds the header of this refusal to `response`.
    pub(super) fn with_header(self, mut response: Response) -> Response {
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// Waits until a credential has expired or been revoked; forever if there is none.
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
        // In a task of its own: this future may not be polled while the client doesn't read, and would
        // then hold a database connection that others wait for.
        let asking = {
            let (instance, viewer) = (Arc::clone(&instance), viewer.clone());
            async move { access::holds(&instance, &viewer).await }
        };
        match instance.tasks.spawn(asking).await.map_err(Fault::from).map_err(Error::from).flatten()
        {
            Ok(true) => {}
            Ok(false) => return,
            // Each delivery checks the credential itself.
            Err(error) => tracing::debug!(%error, "failed to verify credential"),
        }
    }
}
