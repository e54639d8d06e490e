//! Trying the store out, beside the artifacts.
//!
//! What is written has no artifact's key, so that the janitor leaves it alone.

use bytes::Bytes;

use super::Store;
use crate::Result;

/// What [`Store::probe`] writes, each time.
const PROBE: &str = "readiness-probe";

impl Store {
    /// Whether it can be written to: stores a few bytes and removes them.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn probe(&self) -> Result<()> {
        self.put(PROBE, Bytes::from_static(b"ready?")).await?;
        self.remove(PROBE).await
    }
}
