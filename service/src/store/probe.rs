//! Tests the store with objects of its own.
//!
//! Their keys are not those of artifacts, so the janitor ignores them.

use bytes::Bytes;
use futures::TryStreamExt;

use super::Store;
use crate::{
    Fault, Result,
    private::{READINESS_PROBE, REHEARSAL_PREFIX},
    random,
    text::hex,
};

impl Store {
    /// Checks that the store can be written to: stores a few bytes and removes them.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn probe(&self) -> Result<()> {
        self.put(READINESS_PROBE, Bytes::from_static(b"ready?")).await?;
        self.remove(READINESS_PROBE).await
    }

    /// Checks the store in full: stores a test object, reads it back and removes it.
    ///
    /// # Errors
    /// A fault of the store; other bytes than were written; an object that still exists once
    /// removed.
    pub async fn rehearse(&self) -> Result<()> {
        let key = format!("{REHEARSAL_PREFIX}{}", hex(&random::bytes::<8>()));
        let written = random::bytes::<64>();
        self.put(&key, Bytes::copy_from_slice(&written)).await?;
        let read = self.content(&key).await;
        // Removes the object even if it can't be read.
        self.remove(&key).await?;
        if read? == written && !self.has(&key).await? {
            return Ok(());
        }
        let context = "the store does not give back what it was given".to_owned();
        Err(Fault::Io { context, source: std::io::ErrorKind::InvalidData.into() }.into())
    }

    async fn content(&self, key: &str) -> Result<Vec<u8>> {
        let pieces: Vec<Bytes> = self.read(key, None).await?.try_collect().await?;
        Ok(pieces.concat())
    }
}
