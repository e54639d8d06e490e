//! Tries a bucket at startup, so that a process that can't store anything reports why and exits.

use std::{error::Error as _, time::Duration};

use super::{Store, bucket::has_no_credentials};
use crate::{Error, Fault, Result};

/// Longest wait for a response of the bucket.
const BUCKET_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait if the environment provides no credentials, and only the machine's role may.
const ROLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Advice for errors that a wrong address of the bucket may cause.
const ADDRESS: &str = "correct DAYBOOK_ARTIFACTS_URL, AWS_REGION or AWS_ENDPOINT_URL";

impl Store {
    /// Checks that the bucket at `url` can be written to: stores a few bytes and removes them.
    ///
    /// # Errors
    /// [`Fault::Misconfigured`], with the reason and the environment variables to check.
    pub async fn try_bucket(&self, url: &str) -> Result<()> {
        let is_without = has_no_credentials();
        let limit = if is_without { ROLE_TIMEOUT } else { BUCKET_TIMEOUT };
        let said = match tokio::time::timeout(limit, self.probe()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => root(&error),
            Err(_) => format!("no answer within {limit:?}"),
        };
        let text = if is_without {
            format!(
                "no credentials for {url}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give \
                 this machine a role ({said})"
            )
        } else {
            explain(url, &said)
        };
        Err(Fault::misconfigured(text).into())
    }
}

fn explain(url: &str, said: &str) -> String {
    let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap_or_else(|_| "Amazon".to_owned());
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["NoSuchBucket"]) {
        format!("there is no bucket for {url} at {endpoint}: create it, or {ADDRESS}")
    } else if has(&["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", " 401", " 403"])
    {
        format!(
            "{endpoint} does not let Daybook write to {url}: correct AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or let them write, read and delete there ({said})"
        )
    } else {
        format!("{url} can't be used at {endpoint}: {said}: start it, or {ADDRESS}")
    }
}

/// Returns the text of the innermost cause, which does not mention retries.
fn root(error: &Error) -> String {
    let Error::Fault(Fault::Store(error)) = error else { return error.to_string() };
    let mut inner = error.source();
    while let Some(next) = inner.and_then(std::error::Error::source) {
        inner = Some(next);
    }
    let said = inner.map_or_else(|| error.to_string(), ToString::to_string);
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}
