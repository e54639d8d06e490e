//! Tokens of an OpenID provider: JWTs that are verified with the keys that the provider publishes.
//!
//! RFC 8725, item by item: the algorithm is one of three, is never trusted because the token names
//! it, and must be the key's (3.1, 3.2). The signature is verified before any claim (3.3). Keys
//! come from the configured place only, whatever `jku`, `jwk` or `x5u` say (3.10). Issuer, subject
//! and audience are required and compared as a whole (3.8, 3.9). A `typ` of another kind of token
//! is refused (3.11). Daybook's own tokens have another algorithm and another key, so that neither
//! passes for the other (3.12).

mod examine;
mod keys;
mod mismatch;
mod roles;
mod settings;
mod token;

use std::sync::Arc;

use crate::{
    Core, Error, Result, Viewer,
    access::{Authority, subject},
};

pub use examine::Examined;
use keys::{Keys, NoKey};
use mismatch::Mismatches;
pub use roles::Grant;
pub use settings::Oidc;

/// Prefix of the subjects of these tokens, so that none passes for a subject of Daybook's own
/// tokens.
const SUBJECT: &str = "oidc:";

/// The provider, and its keys as of the last fetch.
#[derive(Debug)]
pub struct Provider {
    settings: Arc<Oidc>,
    keys: Keys,
    mismatches: Mismatches,
}

impl Provider {
    pub(crate) fn new(settings: Oidc) -> Self {
        Self {
            settings: Arc::new(settings),
            keys: Keys::default(),
            mismatches: Mismatches::default(),
        }
    }
}

/// Returns true if a bearer token must be verified as a provider's, because its header names
/// another algorithm than Daybook's own. The header is not trusted, only used to choose the
/// verification.
#[must_use]
pub fn is_foreign(token: &str) -> bool {
    token::header(token).is_some_and(|header| header.alg != "HS256")
}

/// Verifies `token` and returns the viewer that it names. If the configuration maps claims to
/// roles, the subject's memberships become what the claims say, with audit entries.
///
/// # Errors
/// [`Error::Unauthenticated`] if no provider is configured or the token is not valid;
/// [`Error::Unavailable`] if the provider's keys can't be fetched; a database fault.
pub async fn verify(core: &Arc<Core>, provider: Option<&Provider>, token: &str) -> Result<Viewer> {
    let invalid = || Error::Unauthenticated("the bearer token is not valid here");
    let provider = provider.ok_or_else(invalid)?;
    let header = token::header(token).ok_or_else(invalid)?;
    let algorithm = header.algorithm().ok_or_else(invalid)?;
    let Provider { settings, keys, mismatches } = provider;
    let now = core.clock.now();
    let key = keys.find(core, settings, (&header, algorithm)).await.map_err(|why| match why {
        NoKey::Unknown => {
            mismatches.warn(settings, &token::unverified_claims(token), now);
            invalid()
        }
        NoKey::Unreachable { retry_after } => {
            let message = "the OpenID provider can't be reached, so that the bearer token can't \
                           be checked: try again later";
            Error::Unavailable { message, retry_after }
        }
    })?;
    let claims = token::claims(token, &key, algorithm).ok_or_else(invalid)?;
    let verified = token::check(&claims, settings, now)
        .inspect_err(|_| mismatches.warn(settings, &claims, now))?;
    let subject = format!("{SUBJECT}{}", verified.subject);
    subject::check(&subject, &[]).map_err(|_| invalid())?;
    let viewer = Viewer {
        subject,
        email: verified.email,
        authority: Authority::Token { expires_at: verified.expires_at },
        request_id: None,
        traceparent: None,
        address: None,
        user_agent: None,
    };
    roles::apply(core, &settings.roles, &viewer, &claims).await?;
    Ok(viewer)
}
