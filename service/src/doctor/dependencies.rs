//! Checks of the services around the database: artifact store, OpenID provider, NATS, public URL.

use std::time::Duration;

use chrono::TimeDelta;

use super::Finding;
use crate::{
    Clock, Database, Engine, Nats, Result,
    artifacts::sharing,
    oidc::{Examined, Oidc},
    store::Store,
};

/// Timeout for a response from the public URL.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest difference between a provider's clock and this one that token validation tolerates.
const TOKEN_LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// The body that Daybook's `/healthz` returns.
const HEALTHY_BODY: &str = "ok\n";

/// Checks that the artifact store can be written to, read from and deleted from.
pub async fn artifacts(store: &Store) -> Finding {
    match store.rehearse().await {
        Ok(()) => Finding::ok("artifacts", "a file was written, read and deleted"),
        Err(error) => Finding::fail(
            "artifacts",
            error.to_string(),
            "let Daybook write, read and delete where DAYBOOK_ARTIFACTS_URL leads to",
        ),
    }
}

/// Checks that every process running on the database keeps its artifacts in this store.
///
/// # Errors
/// A fault of the database or the store.
pub async fn sharing(db: &Database, store: &Store) -> Result<Finding> {
    let known = store.known_identity().await?;
    let others =
        sharing::others(db, &Clock::default(), known.as_deref().unwrap_or_default()).await?;
    let places: Vec<_> =
        others.iter().map(|other| format!("{} on {}", other.place, other.host)).collect();
    if !places.is_empty() {
        let found = format!("others keep them elsewhere: {}", places.join(", "));
        let advice = "set DAYBOOK_ARTIFACTS_URL to one bucket or shared folder for every node: each \
            can give out only what is in its own store";
        return Ok(Finding::fail("sharing", found, advice));
    }
    Ok(match db.engine() {
        Engine::Postgres if store.is_folder() => Finding::ok(
            "sharing",
            "a folder of one machine: more nodes need a bucket, or the same folder",
        ),
        Engine::Postgres | Engine::Sqlite => Finding::ok("sharing", "nobody keeps them elsewhere"),
    })
}

/// Checks that the OpenID provider's keys can be fetched and used, and that its clock is right.
pub async fn oidc(settings: &Oidc) -> Finding {
    let Oidc { issuer, .. } = settings;
    let Examined { keys, ahead } = match settings.examine().await {
        Ok(examined) => examined,
        Err(error) => {
            let advice = "see that DAYBOOK_OIDC_ISSUER is exactly the issuer that its discovery \
                document names, and is reached from here";
            return Finding::fail("oidc", error, advice);
        }
    };
    if keys == 0 {
        let found = format!("{issuer} has no key for RS256, ES256 or EdDSA");
        let advice = "have it sign with one of these, or correct DAYBOOK_OIDC_JWKS_URL";
        return Finding::fail("oidc", found, advice);
    }
    if let Some(ahead) = ahead.filter(|ahead| ahead.abs() > TOKEN_LEEWAY) {
        let found = format!("the clock of {issuer} is {} s from this one", ahead.num_seconds());
        let advice = "synchronize both by NTP: tokens are refused as expired or from the future";
        return Finding::warn("oidc", found, advice);
    }
    Finding::ok("oidc", format!("{issuer} answers, with {keys} keys that can be used"))
}

/// Checks that a message published through NATS comes back.
pub async fn nats(nats: &Nats) -> Finding {
    match nats.check().await {
        Ok(()) => Finding::ok("nats", "a message went out and came back"),
        Err(error) => Finding::warn(
            "nats",
            error,
            "start it, or look at DAYBOOK_NATS_URL and what the login may do: it must publish and \
             subscribe to daybook.notifications.>; until then processes hear of each other late",
        ),
    }
}

/// Checks that Daybook answers at the public URL.
pub async fn public_url(url: &str) -> Finding {
    let advice = "start Daybook, or set DAYBOOK_PUBLIC_URL to where users reach it";
    let asked = async {
        let client = reqwest::Client::builder().timeout(RESPONSE_TIMEOUT).build()?;
        let answer = client.get(format!("{url}/healthz")).send().await?;
        let status = answer.status();
        Ok::<_, reqwest::Error>((status, answer.text().await?))
    };
    match asked.await {
        Ok((status, text)) if status.is_success() && text == HEALTHY_BODY => {
            Finding::ok("public-url", format!("{url} answers"))
        }
        Ok((status, _)) => {
            let found = format!("something else answers at {url}, with {status}");
            Finding::fail("public-url", found, advice)
        }
        Err(error) => {
            let why = if error.is_timeout() { "in time" } else { "at all" };
            Finding::fail("public-url", format!("{url} does not answer {why}"), advice)
        }
    }
}
