//! Tokens of an OpenID provider: JWTs that are checked with the keys it publishes.
//!
//! RFC 8725, item by item: the algorithm is one of three, never taken on the token's word alone, and
//! must be the key's (3.1, 3.2); the signature is checked before any claim (3.3); keys come from the
//! configured place only, whatever `jku`, `jwk` or `x5u` say (3.10); issuer, subject and audience are
//! required and compared whole (3.8, 3.9); a `typ` of something else is refused (3.11); tokens of our
//! own have another algorithm and another key, so that neither passes for the other (3.12).

mod examine;
mod keys;
mod mismatch;
mod roles;
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

/// What the subjects of these tokens begin with, so that none is taken for one of our own tokens'.
const SUBJECT: &str = "oidc:";

/// Which provider is believed, and what.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// The `iss` of its tokens, which also tells where its keys are.
    pub issuer: String,
    /// The `aud` that they must have.
    pub audience: String,
    /// Where its keys are; none: where the issuer's discovery document says.
    pub jwks_url: Option<String>,
    /// Which claims give which roles, the first that fits.
    pub roles: Vec<Grant>,
}

impl Oidc {
    /// Refuses places that keys can't be fetched from safely.
    ///
    /// # Errors
    /// What is wrong, for whoever configured it.
    pub fn check(&self) -> std::result::Result<(), String> {
        if self.audience.is_empty() {
            return Err("an audience is needed: without one, tokens for others would do".to_owned());
        }
        [Some(&self.issuer), self.jwks_url.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|url| keys::check_url(url).map_err(|message| format!("{url} {message}")))
    }
}

/// The provider, and its keys as they were last fetched.
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

/// Whether a bearer token is to be checked as a provider's: it says another algorithm than ours.
/// What it says is not believed, only sorted by.
#[must_use]
pub fn is_foreign(token: &str) -> bool {
    token::header(token).is_some_and(|header| header.alg != "HS256")
}

/// Whoever `token` names. Where the configuration maps claims to roles, the subject's memberships
/// become what the claims say, with audit entries.
///
/// # Errors
/// [`Error::Unauthenticated`] where no provider is configured or the token doesn't hold;
/// [`Error::Unavailable`] where the provider can't be asked for its keys; a database fault.
pub async fn verify(core: &Arc<Core>, provider: Option<&Provider>, token: &str) -> Result<Viewer> {
    let invalid = || Error::Unauthenticated("the bearer token is not valid here");
    let provider = provider.ok_or_else(invalid)?;
    let header = token::header(token).ok_or_else(invalid)?;
    let algorithm = header.algorithm().ok_or_else(invalid)?;
    let Provider { settings, keys, mismatches } = provider;
    let now = core.clock.now();
    let key = keys.find(core, settings, (&header, algorithm)).await.map_err(|why| match why {
        NoKey::Unknown => {
            mismatches.tell(settings, &token::unverified_claims(token), now);
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
        .inspect_err(|_| mismatches.tell(settings, &claims, now))?;
    let subject = format!("{SUBJECT}{}", verified.subject);
    subject::check(&subject, &[]).map_err(|_| invalid())?;
    let viewer = Viewer {
        subject,
        email: verified.email,
        authority: Authority::Token { expires_at: verified.expires_at },
        request_id: None,
        traceparent: None,
    };
    roles::apply(core, &settings.roles, &viewer, &claims).await?;
    Ok(viewer)
}
