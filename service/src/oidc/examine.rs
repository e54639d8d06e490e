//! Trying a provider out: whether its keys can be fetched and used, and how far its clock is away.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;

use super::{Oidc, keys};

/// Longest that each question to the provider may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Findings about a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Keys that tokens can be checked with.
    pub keys: usize,
    /// Time by which the provider's clock is ahead of this machine's, or behind it if that is negative; none
    /// if it does not tell the time.
    pub ahead: Option<TimeDelta>,
}

impl Oidc {
    /// Fetches the provider's keys as requests do, and looks at them.
    ///
    /// # Errors
    /// The fault, for whoever configured the provider.
    pub async fn examine(&self) -> Result<Examined, String> {
        let late = |_| format!("no answer in {PATIENCE:?}");
        let keys = tokio::time::timeout(PATIENCE, keys::fetch(self)).await.map_err(late)??;
        let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
        let is_usable = |key: &&_| algorithms.iter().any(|algorithm| keys::fits(key, *algorithm));
        let ahead = tokio::time::timeout(PATIENCE, ahead(self)).await.ok().flatten();
        Ok(Examined { keys: keys.iter().filter(is_usable).count(), ahead })
    }
}

/// By the `Date` header of an answer, which counts whole seconds.
async fn ahead(settings: &Oidc) -> Option<TimeDelta> {
    let url = settings.jwks_url.as_ref().unwrap_or(&settings.issuer);
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let answer = client.build().ok()?.get(url).send().await.ok()?;
    let date = answer.headers().get(http::header::DATE)?.to_str().ok()?;
    let theirs = DateTime::parse_from_rfc2822(date).ok()?.with_timezone(&Utc);
    Some(theirs - crate::Clock::default().now())
}
