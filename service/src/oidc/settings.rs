//! The configuration of a provider.

use super::Grant;

/// The trusted OpenID provider, and what its tokens must hold.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// The `iss` that tokens must have. The provider's discovery document is found below this URL.
    pub issuer: String,
    /// The `aud` that tokens must have.
    pub audience: String,
    /// URL of the provider's keys; none takes the URL from the issuer's discovery document.
    pub jwks_url: Option<String>,
    /// Claims that give roles. The first grant that fits counts, for each organization.
    pub roles: Vec<Grant>,
}

impl Oidc {
    /// Refuses URLs from which keys can't be fetched safely, and an empty audience.
    ///
    /// # Errors
    /// Returns what is wrong with the configuration.
    pub fn check(&self) -> Result<(), String> {
        if self.audience.is_empty() {
            return Err("an audience is needed: without one, tokens for others would do".to_owned());
        }
        [Some(&self.issuer), self.jwks_url.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|url| check_url(url).map_err(|message| format!("{url} {message}")))
    }
}

/// Refuses a URL whose response could be changed in transit.
pub(super) fn check_url(url: &str) -> Result<(), &'static str> {
    let parsed = url.parse::<http::Uri>().map_err(|_| "is not a URL")?;
    let is_here = matches!(parsed.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match parsed.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_here => Ok(()),
        _ => Err("must begin with https://"),
    }
}
