//! The provider's keys, fetched and cached.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use tokio::sync::watch;

use super::{
    settings::{Oidc, check_url},
    token::Header,
};
use crate::{Core, chain};

/// Age at which keys are fetched again, while they are still trusted.
const REFRESH_AFTER: TimeDelta = TimeDelta::minutes(5);
/// Age from which keys are no longer trusted unless fetching fails, so that a key that the provider
/// has withdrawn stops working.
const DISTRUST_AFTER: TimeDelta = TimeDelta::minutes(10);
/// Least time between two fetches, whatever unknown keys tokens name.
const MIN_FETCH_INTERVAL: TimeDelta = TimeDelta::seconds(30);
/// Age up to which keys are trusted while they can't be fetched again.
const MAX_OUTAGE: TimeDelta = TimeDelta::hours(12);
/// Longest time that a fetch may take, and that a request waits for one.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest document that is accepted, in bytes.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
/// Most keys that are read from a set.
const MAX_KEYS: usize = 100;
/// Smallest accepted RSA modulus, in bytes.
const MODULUS: usize = 256;

/// The cached keys. Requests can wait for the end of a fetch.
#[derive(Debug, Default)]
pub(super) struct Keys(Arc<watch::Sender<Known>>);

#[derive(Debug, Default)]
struct Known {
    keys: Vec<Jwk>,
    fetched_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
    /// Start of the latest fetch that failed.
    failed_at: Option<DateTime<Utc>>,
    is_fetching: bool,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// The reason why there is no key for a token.
pub(super) enum NoKey {
    /// The provider has no such key, or the key is not for this algorithm.
    Unknown,
    /// The provider's keys can't be fetched.
    Unreachable {
        /// Seconds after which the next fetch is possible.
        retry_after: u64,
    },
}

/// A set of keys. Keys of unknown kinds are skipped.
#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    /// Returns the key that a token was signed with.
    ///
    /// A cached key is returned at once, also during a fetch. Only an unknown key waits for the
    /// fetch.
    ///
    /// # Errors
    /// Returns the reason why there is no key.
    pub(super) async fn find(
        &self,
        core: &Core,
        settings: &Arc<Oidc>,
        (header, algorithm): (&Header, Algorithm),
    ) -> Result<DecodingKey, NoKey> {
        let now = core.clock.now();
        let mut news = self.0.subscribe();
        let key = self.0.borrow().find(header, algorithm, now);
        if key.is_none() || self.0.borrow().is_older(REFRESH_AFTER, now) {
            self.refresh(core, settings, now);
        }
        if let Some(key) = key {
            return Ok(key);
        }
        let brought = news.wait_for(|known| !known.is_fetching);
        let Some(Ok(known)) = core.stopping.run_until_cancelled(brought).await else {
            return Err(NoKey::Unreachable { retry_after: 1 });
        };
        known.find(header, algorithm, now).ok_or_else(|| known.why_none(now))
    }

    /// Starts a fetch in the background, unless one is running or has just run.
    fn refresh(&self, core: &Core, settings: &Arc<Oidc>, now: DateTime<Utc>) {
        let begins = self.0.send_if_modified(|known| {
            let begins = !known.is_fetching
                && known.tried_at.is_none_or(|at| now - at >= MIN_FETCH_INTERVAL);
            if begins {
                (known.is_fetching, known.tried_at) = (true, Some(now));
            }
            begins
        });
        if !begins {
            return;
        }
        let (keys, settings) = (Arc::clone(&self.0), Arc::clone(settings));
        let stopping = core.stopping.clone();
        core.tasks.spawn(async move {
            let fetching = tokio::time::timeout(FETCH_TIMEOUT, fetch(&settings));
            let Some(fetched) = stopping.run_until_cancelled(fetching).await else { return };
            let fetched =
                fetched.unwrap_or_else(|_| Err(format!("no answer in {FETCH_TIMEOUT:?}")));
            if let Err(error) = &fetched {
                tracing::warn!(%error, issuer = settings.issuer, "keys can't be fetched");
            }
            keys.send_modify(|known| {
                known.is_fetching = false;
                match fetched {
                    Ok(keys) => (known.keys, known.fetched_at) = (keys, Some(now)),
                    Err(_) => known.failed_at = Some(now),
                }
            });
        });
    }
}

impl Known {
    fn find(
        &self,
        header: &Header,
        algorithm: Algorithm,
        now: DateTime<Utc>,
    ) -> Option<DecodingKey> {
        if !self.is_believed(now) {
            return None;
        }
        DecodingKey::from_jwk(find(&self.keys, header, algorithm)?).ok()
    }

    /// Returns true while the keys are recent enough, or somewhat older but fetching has failed.
    fn is_believed(&self, now: DateTime<Utc>) -> bool {
        let is_out = self.failed_at.is_some_and(|at| now - at < DISTRUST_AFTER);
        !self.is_older(if is_out { MAX_OUTAGE } else { DISTRUST_AFTER }, now)
    }

    fn why_none(&self, now: DateTime<Utc>) -> NoKey {
        if self.is_believed(now) {
            return NoKey::Unknown;
        }
        let next = self.tried_at.map_or(now, |at| at + MIN_FETCH_INTERVAL) - now;
        NoKey::Unreachable { retry_after: u64::try_from(next.num_seconds()).unwrap_or(0).max(1) }
    }

    fn is_older(&self, age: TimeDelta, now: DateTime<Utc>) -> bool {
        self.fetched_at.is_none_or(|at| now - at >= age)
    }
}

/// Returns the key with the token's `kid`; without a `kid`, the only key that fits.
fn find<'a>(keys: &'a [Jwk], header: &Header, algorithm: Algorithm) -> Option<&'a Jwk> {
    let is_named = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
    let mut fitting = keys.iter().filter(is_named).filter(|key| fits(key, algorithm));
    fitting.next().filter(|_| fitting.next().is_none())
}

/// Returns true if a key is for signatures by this algorithm and strong enough.
pub(super) fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let is_kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(rsa), Algorithm::RS256) => modulus(&rsa.n) >= MODULUS,
        (AlgorithmParameters::EllipticCurve(curve), Algorithm::ES256) => {
            curve.curve == EllipticCurve::P256
        }
        (AlgorithmParameters::OctetKeyPair(pair), Algorithm::EdDSA) => {
            pair.curve == EllipticCurve::Ed25519
        }
        _ => false,
    };
    let common = &key.common;
    let is_for_signing =
        common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
    let verifies =
        common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let is_algorithm =
        common.key_algorithm.is_none_or(|it| it.to_string() == format!("{algorithm:?}"));
    is_kind && is_for_signing && verifies && is_algorithm
}

/// Returns the length of a base64 modulus in bytes.
fn modulus(text: &str) -> usize {
    text.trim_end_matches('=').len() * 3 / 4
}

pub(super) async fn fetch(settings: &Oidc) -> Result<Vec<Jwk>, String> {
    let client = reqwest::Client::builder()
        // A redirect could lead anywhere.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| chain(&error))?;
    let url = match &settings.jwks_url {
        Some(url) => url.clone(),
        None => discover(&client, settings).await?,
    };
    let set: Set = get(&client, &url).await?;
    let known = set.keys.into_iter().take(MAX_KEYS);
    Ok(known.filter_map(|key| serde_json::from_value(key).ok()).collect())
}

async fn discover(client: &reqwest::Client, settings: &Oidc) -> Result<String, String> {
    let issuer = settings.issuer.trim_end_matches('/');
    let url = format!("{issuer}/.well-known/openid-configuration");
    let discovery: Discovery = get(client, &url).await?;
    if discovery.issuer != settings.issuer {
        return Err(format!("{url} is of another issuer"));
    }
    check_url(&discovery.jwks_uri).map_err(|message| format!("jwks_uri {message}"))?;
    Ok(discovery.jwks_uri)
}

async fn get<T: serde::de::DeserializeOwned>(
    client: &reqwest::Client,
    url: &str,
) -> Result<T, String> {
    let answer = client.get(url).header("accept", "application/json").send().await;
    let answer = answer.map_err(|error| chain(&error))?;
    if answer.status() != http::StatusCode::OK {
        return Err(format!("{url} answers {}", answer.status()));
    }
    let mut body = Vec::new();
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.try_next().await.map_err(|error| chain(&error))? {
        if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
            return Err(format!("{url} answers more than {MAX_DOCUMENT_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| format!("{url}: {error}"))
}
