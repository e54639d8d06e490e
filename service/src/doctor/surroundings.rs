//! What stands around the database: artifact store, NATS, the way to the users.

use std::time::Duration;

use super::Finding;
use crate::{Nats, artifacts::Store};

/// How long the public URL may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What `/healthz` of a Daybook says.
const ALIVE: &str = "ok\n";

/// Whether the artifact store can be written to, read from and deleted from.
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

/// Whether a message goes out by NATS and comes back.
pub async fn nats(nats: &Nats) -> Finding {
    match nats.check().await {
        Ok(()) => Finding::ok("nats", "a message went out and came back"),
        Err(error) => Finding::warn(
            "nats",
            error,
            "start it, or look at DAYBOOK_NATS_URL and what the login may do: it must publish and \
             subscribe to daybook.bells.>; until then processes hear of each other late",
        ),
    }
}

/// Whether a Daybook answers where users are told that it is.
pub async fn public_url(url: &str) -> Finding {
    let advice = "start Daybook, or set DAYBOOK_PUBLIC_URL to where users reach it";
    let asked = async {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let answer = client.get(format!("{url}/healthz")).send().await?;
        let status = answer.status();
        Ok::<_, reqwest::Error>((status, answer.text().await?))
    };
    match asked.await {
        Ok((status, text)) if status.is_success() && text == ALIVE => {
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
