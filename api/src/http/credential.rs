//! From an `Authorization` value to a viewer, the same for HTTP and WebSocket.

use std::{sync::Arc, time::Duration};

use daybook_service::{
    Error, Fault, Instance, Viewer,
    access::{self, Authority, api_keys, oidc, token},
};
use http::{HeaderMap, header};

use super::request::Correlation;

/// How often whoever keeps a connection open asks whether a credential that can be revoked still
/// holds.
const REVOCATION: Duration = Duration::from_secs(2);

/// Whoever the `Authorization` header names; none where there is no such header.
///
/// # Errors
/// A header that is no bearer token (RFC 6750), or a token or API key that doesn't hold; a database
/// fault.
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
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(malformed());
    }
    let token = token.trim();
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

fn malformed() -> Error {
    Error::Unauthenticated("the Authorization header must be `Bearer` and a token or API key")
}

/// Waits until a credential holds no more: it has expired, or was revoked. For ever where there is
/// none.
pub(super) async fn end(instance: Arc<Instance>, viewer: Option<Viewer>) {
    let Some(viewer) = viewer else { return std::future::pending().await };
    loop {
        let now = instance.clock.now();
        let expiry = viewer.expires_at().map(|expiry| (expiry - now).to_std().unwrap_or_default());
        let pause = match viewer.authority {
            Authority::ApiKey { .. } => Some(expiry.map_or(REVOCATION, |it| it.min(REVOCATION))),
            Authority::Token { .. } | Authority::CommandLine => expiry,
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
