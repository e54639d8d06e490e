//! Buckets as stores.
//!
//! A bucket keeps the parts of an unfinished upload forever, and does not list them with the
//! objects. So each upload has a marker, a small object `uploads/KEY` with the upload's ID, from
//! before its first part until it is finished or aborted. If a process is killed, its uploads are
//! found by their markers. An upload has no marker if the bucket did not answer the request to
//! begin it: a lifecycle rule of the bucket that aborts unfinished uploads removes what is left.

use std::{sync::Arc, time::Duration};

use futures::TryStreamExt;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, Checksum},
    multipart::{MultipartStore, PartId},
    path::Path as Key,
    prefix::PrefixStore,
    signer::{SignedUrlOptions, Signer},
};

use super::unfinished::{At, Unfinished};
use crate::{Fault, Result};

/// Longest time that a failed request is retried for. Shorter than a lease, so that an attempt
/// whose store does not answer reports the error instead of losing its lease.
const RETRY_TIMEOUT: Duration = Duration::from_secs(15);
/// Timeout of one request: enough for a part at about 250 KiB a second.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Prefix of the keys of markers, which name unfinished uploads.
const UPLOADS_PREFIX: &str = "uploads";

/// Kind of links to artifacts in a bucket.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// Links to Daybook, which records each download.
    #[default]
    Daybook,
    /// Presigned links to the bucket. Downloads bypass Daybook, so only the link is recorded.
    Presigned,
}

/// A bucket, or the objects under a prefix in it.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    store: Arc<PrefixStore<AmazonS3>>,
    links: Links,
}

impl Bucket {
    pub(super) fn open(url: &str, links: Links) -> Result<Self> {
        let (name, prefix) = parse(url).ok_or_else(|| {
            Fault::misconfigured(format!(
                "an artifact store in a bucket is s3://BUCKET/PREFIX, not {url}"
            ))
        })?;
        let retry = RetryConfig {
            backoff: BackoffConfig { max_backoff: Duration::from_secs(2), ..Default::default() },
            // In effect limited by time alone: so many retries don't fit into the timeout.
            max_retries: 1_000,
            retry_timeout: RETRY_TIMEOUT,
        };
        check_credentials().map_err(Fault::misconfigured)?;
        // Unencrypted only if the endpoint's URL says so.
        let is_clear =
            std::env::var("AWS_ENDPOINT_URL").is_ok_and(|url| url.starts_with("http://"));
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(name)
            .with_allow_http(is_clear)
            .with_checksum_algorithm(Checksum::SHA256)
            .with_retry(retry)
            .with_client_options(
                ClientOptions::new()
                    .with_allow_http(is_clear)
                    .with_connect_timeout(Duration::from_secs(5))
                    .with_timeout(REQUEST_TIMEOUT),
            )
            .build()?;
        Ok(Self { store: Arc::new(PrefixStore::new(store, prefix)), links })
    }

    pub(super) fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store) as Arc<dyn ObjectStore>
    }

    /// Begins an upload.
    pub(super) async fn upload(&self, key: &str) -> Result<BucketUpload> {
        let id = self.store.create_multipart(&Key::from(key)).await?;
        let upload =
            BucketUpload { bucket: self.clone(), key: key.to_owned(), id, parts: Vec::new() };
        let marker = PutPayload::from(upload.id.clone());
        if let Err(error) = self.store.put(&marker_of(key), marker).await {
            // Without a marker, the upload could not be found again.
            upload.abort().await?;
            return Err(error.into());
        }
        Ok(upload)
    }

    pub(super) async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        let markers: Vec<_> =
            self.store.list(Some(&Key::from(UPLOADS_PREFIX))).try_collect().await?;
        let mut found = Vec::new();
        for marker in markers {
            let key = marker.location.as_ref().strip_prefix("uploads/").unwrap_or_default();
            let id = match self.store.get(&marker.location).await {
                Ok(marker) => marker.bytes().await?,
                // The upload was finished in the meantime.
                Err(object_store::Error::NotFound { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let id = String::from_utf8_lossy(&id).into_owned();
            found.push(Unfinished { key: key.to_owned(), at: At::Bucket(id) });
        }
        Ok(found)
    }

    /// Aborts an upload. Succeeds if the bucket does not know the upload, since it was finished or
    /// aborted then.
    pub(super) async fn abort(&self, key: &str, id: &str) -> Result<()> {
        let aborted = self.store.abort_multipart(&Key::from(key), &id.to_owned()).await;
        match aborted {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => self.unmark(key).await,
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn presign(
        &self,
        key: &str,
        file_name: &str,
        ttl: Duration,
    ) -> Result<Option<String>> {
        match self.links {
            Links::Daybook => Ok(None),
            Links::Presigned => {
                let disposition = format!("attachment; filename=\"{file_name}\"");
                let options = SignedUrlOptions::new()
                    .with_query([("response-content-disposition", disposition)]);
                let key = Key::from(key);
                let signed =
                    self.store.signed_url_opts(http::Method::GET, &key, ttl, &options).await?;
                Ok(Some(signed.to_string()))
            }
        }
    }

    async fn unmark(&self, key: &str) -> Result<()> {
        match self.store.delete(&marker_of(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// An upload to a bucket.
pub(super) struct BucketUpload {
    bucket: Bucket,
    key: String,
    id: String,
    parts: Vec<PartId>,
}

impl BucketUpload {
    pub(super) async fn put_part(&mut self, part: PutPayload) -> Result<()> {
        let (key, index) = (Key::from(self.key.as_str()), self.parts.len());
        self.parts.push(self.bucket.store.put_part(&key, &self.id, index, part).await?);
        Ok(())
    }

    pub(super) async fn complete(self) -> Result<()> {
        let key = Key::from(self.key.as_str());
        self.bucket.store.complete_multipart(&key, &self.id, self.parts).await?;
        self.bucket.unmark(&self.key).await
    }

    pub(super) async fn abort(self) -> Result<()> {
        self.bucket.abort(&self.key, &self.id).await
    }
}

/// Names of the environment variables that hold an access key for the bucket.
const KEY_VARIABLES: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/// Names of environment variables that provide other credentials. Any one of them is enough.
const OTHER_CREDENTIALS: [&str; 4] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
];

fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !value.is_empty())
}

/// Refuses an access key of which only the ID or only the secret is set.
fn check_credentials() -> Result<(), String> {
    let [id, secret] = KEY_VARIABLES;
    match (is_set(id), is_set(secret)) {
        (true, false) => Err(format!("{id} is set and {secret} is not: set both")),
        (false, true) => Err(format!("{secret} is set and {id} is not: set both")),
        (true, true) | (false, false) => Ok(()),
    }
}

/// True if the environment provides no credentials, so that only a role of this machine can provide
/// them.
pub(super) fn has_no_credentials() -> bool {
    !KEY_VARIABLES.iter().chain(&OTHER_CREDENTIALS).any(|name| is_set(name))
}

fn marker_of(key: &str) -> Key {
    Key::from(format!("{UPLOADS_PREFIX}/{key}"))
}

/// Parses `s3://BUCKET/PREFIX` into the bucket's name and the prefix.
fn parse(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("s3://")?;
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    (!name.is_empty() && !url.contains(['?', '#'])).then_some((name, prefix))
}
