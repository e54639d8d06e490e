//! Limits the number of clients per link, since each client adds an entry to the log.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::HashMapStateStore,
};

/// Clients that may start to use a link at once.
pub(super) const CLIENTS_AT_ONCE: NonZeroU32 = NonZeroU32::new(30).expect("it is not zero");
/// Time after which one more client may start to use a link.
const NEXT_CLIENT_AFTER: Duration = Duration::from_secs(2);
/// Number of checks after which links that have not been used lately are removed.
const FORGET_EVERY: u32 = 1_000;

/// Counts new clients by link. Per process, since a link is used through few nodes.
pub(in crate::http) struct LinkClients {
    limiter: RateLimiter<Vec<u8>, HashMapStateStore<Vec<u8>>, DefaultClock>,
    checks: AtomicU32,
}

impl Default for LinkClients {
    fn default() -> Self {
        let quota = Quota::with_period(NEXT_CLIENT_AFTER).expect("it is not zero");
        let (store, clock) = (HashMapStateStore::default(), DefaultClock::default());
        let limiter = RateLimiter::new(quota.allow_burst(CLIENTS_AT_ONCE), store, clock);
        Self { limiter, checks: AtomicU32::new(0) }
    }
}

impl LinkClients {
    /// Counts a client that has not used the link before, or returns the seconds until it may.
    pub(super) fn admit(&self, link: Vec<u8>) -> Result<(), u64> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let refused = self.limiter.check_key(&link);
        refused.map_err(|until| until.wait_time_from(DefaultClock::default().now()).as_secs() + 1)
    }
}
