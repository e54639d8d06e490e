//! How much memory all requests take at once, whoever sends them.
//!
//! A request waits for room for its bytes before they are read, and for what they become before they
//! are parsed. One credential has half of it at the most, and all requests without one a quarter.

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
/// Memory for what requests become, from when they are parsed until they are answered.
const VALUES_MEMORY: usize = 96 * 1024 * 1024;
/// How long a request waits for room.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Most values of a subscription, which keeps them as long as it lasts.
const MAX_SUBSCRIPTION_VALUES: usize = 2_000;
/// Who is forgotten once nothing of theirs runs, from so many on.
const MAX_IDLE_SHARES: usize = 1_000;

/// Memory that requests may take.
pub(super) struct Budget {
    bodies: Pool,
    values: Pool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bodies: Pool::new(BODIES_MEMORY), values: Pool::new(VALUES_MEMORY) }
    }
}

/// A part of the budget; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Reservation {
    values: usize,
    _permits: Permits,
}

impl Reservation {
    /// Refuses a subscription that would keep too much.
    ///
    /// # Errors
    /// More values than a subscription may have.
    pub(super) fn check_subscription(&self) -> Result<(), Vec<ServerError>> {
        if self.values <= MAX_SUBSCRIPTION_VALUES {
            return Ok(());
        }
        let message = format!(
            "A subscription may have {MAX_SUBSCRIPTION_VALUES} JSON values, keys included: it has {}",
            self.values
        );
        Err(vec![errors::error(code::BAD_USER_INPUT, &message)])
    }
}

impl Budget {
    /// Waits for room for the bytes of a request.
    ///
    /// # Errors
    /// None in time.
    pub(super) async fn body(&self, key: &RateLimitKey, bytes: usize) -> Result<Permits, TooMany> {
        self.bodies.take(key, bytes).await
    }

    /// Waits for room for what a request becomes.
    ///
    /// # Errors
    /// None in time.
    pub(super) async fn values(
        &self,
        key: &RateLimitKey,
        measure: Measure,
    ) -> Result<Reservation, TooMany> {
        let permits = self.values.take(key, measure.memory()).await?;
        Ok(Reservation { values: measure.values(), _permits: permits })
    }
}

/// Permits in a pool.
#[derive(Debug)]
pub(super) struct Permits {
    _of_all: OwnedSemaphorePermit,
    _of_share: OwnedSemaphorePermit,
}

/// Kibibytes, given out first come, first served.
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
        // Nobody asks for more than there is: what takes all of a share runs alone in it.
        let wanted = u32::try_from(bytes.div_ceil(1024).min(most)).unwrap_or(u32::MAX);
        let share = self.share(name, most);
        let both = async {
            let of_share = share.acquire_many_owned(wanted).await.ok()?;
            let of_all = Arc::clone(&self.all).acquire_many_owned(wanted).await.ok()?;
            Some(Permits { _of_all: of_all, _of_share: of_share })
        };
        let refused = TooMany {
            most: u32::try_from(most).unwrap_or(u32::MAX),
            unit: "KiB of requests at once",
            retry_after: 1,
            standing: None,
        };
        timeout(MAX_WAIT, both).await.ok().flatten().ok_or(refused)
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
        assert_eq!((refused.retry_after, refused.unit), (1, "KiB of requests at once"));
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
