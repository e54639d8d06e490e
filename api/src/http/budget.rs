//! Limits the memory that all requests take together.
//!
//! A request reserves memory for its bytes before they are read, and for its values before they are
//! parsed. One credential gets at most half of it, and all requests without a credential a quarter.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use async_graphql::ServerError;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    admission::{RateLimitKey, TooMany},
    errors,
    json::Measure,
};
use crate::graphql::code;

/// Memory for the bytes of requests that are being read.
const BODIES_MEMORY: usize = 32 * 1024 * 1024;
/// Memory for the values of requests, from parsing until the response.
const VALUES_MEMORY: usize = 96 * 1024 * 1024;
/// Maximum time that a request waits for memory.
const MAX_MEMORY_WAIT: Duration = Duration::from_secs(5);
/// Maximum number of values of a subscription, which keeps them until it ends.
const MAX_SUBSCRIPTION_VALUES: usize = 2_000;
/// Number of shares above which unused ones are removed.
const MAX_IDLE_SHARES: usize = 1_000;

/// Memory budget of all requests.
pub(super) struct Budget {
    bodies: Pool,
    values: Pool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bodies: Pool::new(BODIES_MEMORY), values: Pool::new(VALUES_MEMORY) }
    }
}

/// Memory reserved for a request's values; released when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    values: usize,
    _permits: Permits,
}

impl Reservation {
    /// Checks the number of values of a subscription.
    ///
    /// # Errors
    /// Fails if there are more values than a subscription may have.
    pub(super) fn check_subscription(&self) -> Result<(), Vec<ServerError>> {
        if self.values <= MAX_SUBSCRIPTION_VALUES {
            return Ok(());
        }
        let message = format!(
            "A subscription may have at most {MAX_SUBSCRIPTION_VALUES} JSON values, including keys; \
             this one has {}",
            self.values
        );
        Err(vec![errors::error(code::BAD_USER_INPUT, &message)])
    }
}

impl Budget {
    /// Waits until memory for the bytes of a request is free, and reserves it.
    ///
    /// # Errors
    /// Fails if no memory is free in time.
    pub(super) async fn body(&self, key: &RateLimitKey, bytes: usize) -> Result<Permits, TooMany> {
        self.bodies.take(key, bytes).await
    }

    /// Waits until memory for the values of a request is free, and reserves it.
    ///
    /// # Errors
    /// Fails if no memory is free in time.
    pub(super) async fn values(
        &self,
        key: &RateLimitKey,
        measure: Measure,
    ) -> Result<Reservation, TooMany> {
        let permits = self.values.take(key, measure.memory()).await?;
        Ok(Reservation { values: measure.values(), _permits: permits })
    }
}

/// Memory reserved from a pool and from a key's share of it.
#[derive(Debug)]
pub(super) struct Permits {
    _of_all: OwnedSemaphorePermit,
    _of_share: OwnedSemaphorePermit,
}

/// Memory in kibibytes, reserved first come, first served.
struct Pool {
    kibibytes: usize,
    all: Arc<Semaphore>,
    shares: Mutex<HashMap<Option<String>, Weak<Semaphore>>>,
}

impl Pool {
    fn new(bytes: usize) -> Self {
        let kibibytes = bytes / 1024;
        Self { kibibytes, all: Arc::new(Semaphore::new(kibibytes)), shares: Mutex::default() }
    }

    async fn take(&self, key: &RateLimitKey, bytes: usize) -> Result<Permits, TooMany> {
        let (name, most) = match key {
            RateLimitKey::Credential(subject) => (Some(subject.clone()), self.kibibytes / 2),
            RateLimitKey::Address(_) => (None, self.kibibytes / 4),
        };
        // Capped at the share, so that a larger request gets all of it and runs alone.
        let wanted = u32::try_from(bytes.div_ceil(1024).min(most)).unwrap_or(u32::MAX);
        let share = self.share(name, most);
        let both = async {
            let of_share = share.acquire_many_owned(wanted).await.ok()?;
            let of_all = Arc::clone(&self.all).acquire_many_owned(wanted).await.ok()?;
            Some(Permits { _of_all: of_all, _of_share: of_share })
        };
        let refused = TooMany {
            most: u32::try_from(most).unwrap_or(u32::MAX),
            unit: "KiB of concurrent requests",
            retry_after: 1,
            rate_limit: None,
        };
        timeout(MAX_MEMORY_WAIT, both).await.ok().flatten().ok_or(refused)
    }

    fn share(&self, name: Option<String>, kibibytes: usize) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&name).and_then(Weak::upgrade) {
            return share;
        }
        if shares.len() >= MAX_IDLE_SHARES {
            shares.retain(|_, share| share.strong_count() > 0);
        }
        let share = Arc::new(Semaphore::new(kibibytes));
        shares.insert(name, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> RateLimitKey {
        RateLimitKey::Credential("ada".to_owned())
    }

    #[tokio::test]
    async fn one_credential_leaves_room_for_others() {
        let budget = Budget::default();
        let all = budget.body(&ada(), usize::MAX / 2).await.expect("as much as there is");
        let refused = budget.body(&ada(), 1).await.expect_err("it has all of its own");
        assert_eq!((refused.retry_after, refused.unit), (1, "KiB of concurrent requests"));
        for key in
            [RateLimitKey::Credential("bob".to_owned()), RateLimitKey::Address([1, 1, 1, 1].into())]
        {
            assert!(budget.body(&key, 7 * 1024 * 1024).await.is_ok());
        }
        drop(all);
        assert!(budget.body(&ada(), 1).await.is_ok());
    }

    #[tokio::test]
    async fn strangers_share_a_quarter_however_many_they_are() {
        let budget = Budget::default();
        let _held = budget.body(&RateLimitKey::Address([1, 1, 1, 1].into()), BODIES_MEMORY).await;
        assert!(budget.body(&RateLimitKey::Address([2, 2, 2, 2].into()), 1).await.is_err());
    }
}
