//! Trying a bucket at the start, so that a process which could store nothing says why and ends.

use std::{error::Error as _, time::Duration};

use super::{Store, bucket::has_no_credentials};
use crate::{Error, Fault, Result};

/// Longest wait for a bucket.
const BUCKET_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for credentials of the machine's own role, if no others are named.
const ROLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Said wherever the address of the bucket may be wrong.
const ADDRESS: &str = "correct DAYBOOK_ARTIFACTS_URL, AWS_REGION or AWS_ENDPOINT_URL";

impl Store {
    /// Stores a few bytes in the bucket `url` and removes them.
    ///
    /// # Errors
    /// Why that does not work, and which variables to look at.
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
        Err(Fault::Unfit(text).into())
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

/// The innermost cause, in which there is nothing of retries.
fn root(error: &Error) -> String {
    let Error::Fault(Fault::Store(error)) = error else { return error.to_string() };
    let mut inner = error.source();
    while let Some(next) = inner.and_then(std::error::Error::source) {
        inner = Some(next);
    }
    let said = inner.map_or_else(|| error.to_string(), ToString::to_string);
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}
