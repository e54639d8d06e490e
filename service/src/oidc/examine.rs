//! Checks of a provider: the keys that can be fetched and used, and the difference between its
//! clock and this machine's.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;

use super::{Oidc, keys};

/// Longest time that each request to the provider may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Findings about a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Number of keys that can verify tokens.
    pub keys: usize,
    /// Time by which the provider's clock is ahead of this machine's; negative if it is behind;
    /// none if the provider does not report its time.
    pub ahead: Option<TimeDelta>,
}

impl Oidc {
    /// Fetches the provider's keys as requests do, and counts those that can be used.
    ///
    /// # Errors
    /// Returns the reason why the keys can't be fetched.
    pub async fn examine(&self) -> Result<Examined, String> {
        let late = |_| format!("no answer in {REQUEST_TIMEOUT:?}");
        let keys =
            tokio::time::timeout(REQUEST_TIMEOUT, keys::fetch(self)).await.map_err(late)??;
        let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
        let is_usable = |key: &&_| algorithms.iter().any(|algorithm| keys::fits(key, *algorithm));
        let ahead = tokio::time::timeout(REQUEST_TIMEOUT, ahead(self)).await.ok().flatten();
        Ok(Examined { keys: keys.iter().filter(is_usable).count(), ahead })
    }
}

/// Reads the provider's time from the `Date` header of a response, which counts whole seconds.
async fn ahead(settings: &Oidc) -> Option<TimeDelta> {
    let url = settings.jwks_url.as_ref().unwrap_or(&settings.issuer);
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let answer = client.build().ok()?.get(url).send().await.ok()?;
    let date = answer.headers().get(http::header::DATE)?.to_str().ok()?;
    let theirs = DateTime::parse_from_rfc2822(date).ok()?.with_timezone(&Utc);
    Some(theirs - crate::Clock::default().now())
}
