//! A bucket as a store.
//!
//! A bucket keeps the parts of an upload that was never finished for ever, and does not show them in
//! a list. So each upload has a small object of its own, `uploads/KEY`, which says under which id
//! the bucket knows it, from before its first part until it is finished or given up: an upload of a
//! process that was killed is found by it. One whose beginning the bucket did not answer has no such
//! object: a lifecycle rule of the bucket that ends unfinished uploads removes what is left of it.

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

use super::{At, Unfinished, upload::Upload};
use crate::{Fault, Result};

/// Longest that a request is repeated for. Shorter than a lease: an attempt whose store does not
/// answer says so, instead of falling silent.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest that one request takes: a part at 250 KiB a second.
const REQUEST: Duration = Duration::from_secs(20);
/// Where uploads that are going on are named.
const UPLOADS: &str = "uploads";

/// Whose links lead to artifacts in a bucket.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// Daybook's: each download is recorded.
    #[default]
    Daybook,
    /// The bucket's, presigned: downloads don't go through Daybook, and only the link is recorded.
    Presigned,
}

/// A bucket, or what is in it under a prefix.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    store: Arc<PrefixStore<AmazonS3>>,
    links: Links,
}

impl Bucket {
    pub(super) fn open(url: &str, links: Links) -> Result<Self> {
        let (name, prefix) = parse(url).ok_or_else(|| {
            Fault::Unfit(format!("an artifact store in a bucket is s3://BUCKET/PREFIX, not {url}"))
        })?;
        let retry = RetryConfig {
            backoff: BackoffConfig { max_backoff: Duration::from_secs(2), ..Default::default() },
            // By time alone: a store that refuses connections is not asked so often in that time.
            max_retries: 1_000,
            retry_timeout: PATIENCE,
        };
        check_credentials().map_err(Fault::Unfit)?;
        // In the clear only where the endpoint says so itself.
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
                    .with_timeout(REQUEST),
            )
            .build()?;
        Ok(Self { store: Arc::new(PrefixStore::new(store, prefix)), links })
    }

    pub(super) fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store) as Arc<dyn ObjectStore>
    }

    /// Begins an upload.
    pub(super) async fn upload(&self, key: &str) -> Result<Upload> {
        let id = self.store.create_multipart(&Key::from(key)).await?;
        let upload =
            BucketUpload { bucket: self.clone(), key: key.to_owned(), id, parts: Vec::new() };
        let marker = PutPayload::from(upload.id.clone());
        if let Err(error) = self.store.put(&marker_of(key), marker).await {
            // Without a name it could not be found again.
            upload.abort().await?;
            return Err(error.into());
        }
        Ok(Upload::Bucket(upload))
    }

    pub(super) async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        let markers: Vec<_> = self.store.list(Some(&Key::from(UPLOADS))).try_collect().await?;
        let mut found = Vec::new();
        for marker in markers {
            let key = marker.location.as_ref().strip_prefix("uploads/").unwrap_or_default();
            let id = match self.store.get(&marker.location).await {
                Ok(marker) => marker.bytes().await?,
                // Finished meanwhile.
                Err(object_store::Error::NotFound { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let id = String::from_utf8_lossy(&id).into_owned();
            found.push(Unfinished { key: key.to_owned(), at: At::Bucket(id) });
        }
        Ok(found)
    }

    /// Gives an upload up. One that the bucket doesn't know is finished or given up already.
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

/// Names of the variables that hold a key for the bucket.
const KEY_VARIABLES: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/// Names of variables that lead to other credentials, any of which does.
const OTHER_CREDENTIALS: [&str; 4] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
];

fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !value.is_empty())
}

/// A key is its two halves.
fn check_credentials() -> std::result::Result<(), String> {
    let [id, secret] = KEY_VARIABLES;
    match (is_set(id), is_set(secret)) {
        (true, false) => Err(format!("{id} is set and {secret} is not: set both")),
        (false, true) => Err(format!("{secret} is set and {id} is not: set both")),
        (true, true) | (false, false) => Ok(()),
    }
}

/// Determines that the environment names no credentials, so that only a role of the machine's own can
/// give them.
pub(super) fn has_no_credentials() -> bool {
    !KEY_VARIABLES.iter().chain(&OTHER_CREDENTIALS).any(|name| is_set(name))
}

fn marker_of(key: &str) -> Key {
    Key::from(format!("{UPLOADS}/{key}"))
}

/// Name and prefix in `s3://BUCKET/PREFIX`.
fn parse(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("s3://")?;
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    (!name.is_empty() && !url.contains(['?', '#'])).then_some((name, prefix))
}
