//! Rate limits by address and credential, and limits on concurrent operations.
//!
//! Rates are counted per process (GCRA, by governor); anything that must be exact, such as a quota, is
//! in the database. The rate of the address is checked before anything else.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};
use http::{HeaderMap, HeaderValue};

use crate::config::ServerLimits;

/// Key by which rates, concurrent operations and memory are limited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum RateLimitKey {
    /// Client address of a request without a credential.
    Address(IpAddr),
    /// Subject of a request with a credential.
    Credential(String),
}

impl fmt::Display for RateLimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "address {address}"),
            Self::Credential(subject) => write!(f, "credential {subject}"),
        }
    }
}

/// State of a rate limit after a request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct RateLimitStatus {
    /// Name of the limit: `address` or `credential`.
    policy: &'static str,
    /// Requests allowed per second.
    rate: u32,
    /// Requests that are allowed immediately.
    remaining: u32,
}

impl RateLimitStatus {
    /// Sets the rate limit headers of a response (draft-ietf-httpapi-ratelimit-headers), unless a later
    /// check has already set them.
    pub(super) fn set_headers(self, headers: &mut HeaderMap) {
        let Self { policy, rate, remaining } = self;
        for (name, value) in [
            ("ratelimit-policy", format!("\"{policy}\";q={rate};w=1")),
            ("ratelimit", format!("\"{policy}\";r={remaining};t=1")),
        ] {
            let value = HeaderValue::from_str(&value).expect("a word and numbers");
            headers.entry(name).or_insert(value);
        }
    }
}

/// Refusal of a request that exceeds a limit.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct TooMany {
    /// The limit that was exceeded.
    pub(super) most: u32,
    /// Unit of the limit, for messages.
    pub(super) unit: &'static str,
    /// Seconds after which a retry may succeed.
    pub(super) retry_after: u64,
    /// State of the rate limit, if the limit is a rate.
    pub(super) rate_limit: Option<RateLimitStatus>,
}

impl TooMany {
    pub(super) fn message(self) -> String {
        let Self { most, unit, retry_after: _, rate_limit: _ } = self;
        format!("Too many requests: at most {most} {unit}")
    }
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// Rate limit with a separate count for each key; unlimited if the rate is 0.
struct Rates<K: std::hash::Hash + Eq + Clone> {
    limiter: Option<(u32, Limiter<K>)>,
    checks: AtomicU32,
    policy: &'static str,
    unit: &'static str,
}

impl<K: std::hash::Hash + Eq + Clone> Rates<K> {
    fn new(rate: u32, policy: &'static str, unit: &'static str) -> Self {
        let limiter = NonZeroU32::new(rate).map(|most| {
            let (state, clock) = (HashMapStateStore::default(), DefaultClock::default());
            (rate, RateLimiter::new(Quota::per_second(most), state, clock))
        });
        Self { limiter, checks: AtomicU32::new(0), policy, unit }
    }

    fn check(&self, key: &K) -> Result<Option<RateLimitStatus>, TooMany> {
        /// Number of checks after which unused keys are removed.
        const FORGET_EVERY: u32 = 10_000;
        let Some((rate, limiter)) = &self.limiter else { return Ok(None) };
        if self.checks.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            limiter.retain_recent();
        }
        let rate_limit =
            |remaining| Some(RateLimitStatus { policy: self.policy, rate: *rate, remaining });
        match limiter.check_key(key) {
            Ok(state) => Ok(rate_limit(state.remaining_burst_capacity())),
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                let retry_after = wait.as_secs() + 1;
                Err(TooMany {
                    most: *rate,
                    unit: self.unit,
                    retry_after,
                    rate_limit: rate_limit(0),
                })
            }
        }
    }
}

/// Rate limits and operation counts of this process.
pub(super) struct Admission {
    addresses: Rates<IpAddr>,
    credentials: Rates<String>,
    running: Arc<Mutex<HashMap<RateLimitKey, u32>>>,
    most_running: u32,
}

impl Admission {
    pub(super) fn new(server_limits: &ServerLimits) -> Self {
        Self {
            addresses: Rates::new(
                server_limits.address_rate,
                "address",
                "requests per second from one address",
            ),
            credentials: Rates::new(
                server_limits.credential_rate,
                "credential",
                "requests per second with one credential",
            ),
            running: Arc::default(),
            most_running: server_limits.fixed.credential_operations,
        }
    }

    /// Counts a request from an address.
    pub(super) fn address(&self, address: IpAddr) -> Result<Option<RateLimitStatus>, TooMany> {
        self.addresses.check(&address)
    }

    /// Counts a request with a credential.
    pub(super) fn credential(&self, subject: &str) -> Result<Option<RateLimitStatus>, TooMany> {
        self.credentials.check(&subject.to_owned())
    }

    /// Counts an operation as running, unless the limit is reached.
    pub(super) fn begin(&self, key: RateLimitKey) -> Result<Running, TooMany> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(key.clone()).or_default();
        if *count >= self.most_running {
            let unit = "concurrent operations with one credential";
            let most = self.most_running;
            return Err(TooMany { most, unit, retry_after: 1, rate_limit: None });
        }
        *count += 1;
        Ok(Running { all: Arc::clone(&self.running), key })
    }
}

/// A running operation, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    all: Arc<Mutex<HashMap<RateLimitKey, u32>>>,
    key: RateLimitKey,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(change: impl FnOnce(&mut ServerLimits)) -> Admission {
        let mut server_limits = ServerLimits::default();
        change(&mut server_limits);
        Admission::new(&server_limits)
    }

    #[test]
    fn each_has_a_rate_of_its_own() {
        let admission = admission(|server_limits| server_limits.credential_rate = 3);
        for remaining in [2, 1, 0] {
            assert_eq!(
                admission.credential("ada"),
                Ok(Some(RateLimitStatus { policy: "credential", rate: 3, remaining }))
            );
        }
        let refused = admission.credential("ada").expect_err("three a second");
        assert_eq!((refused.most, refused.retry_after), (3, 1));
        let mut headers = HeaderMap::new();
        refused.rate_limit.expect("it is a rate").set_headers(&mut headers);
        assert_eq!(headers["ratelimit"], "\"credential\";r=0;t=1");
        assert_eq!(headers["ratelimit-policy"], "\"credential\";q=3;w=1");
        assert!(admission.credential("bob").is_ok());
    }

    #[test]
    fn nothing_is_limited_to_nothing() {
        let admission = admission(|server_limits| server_limits.address_rate = 0);
        for _ in 0..100 {
            assert_eq!(admission.address([127, 0, 0, 1].into()), Ok(None));
        }
    }

    #[test]
    fn operations_are_counted_while_they_run() {
        let admission = admission(|server_limits| server_limits.fixed.credential_operations = 2);
        let ada = || RateLimitKey::Credential("ada".to_owned());
        let first = admission.begin(ada()).expect("one");
        let _second = admission.begin(ada()).expect("two");
        assert!(admission.begin(ada()).is_err());
        assert!(admission.begin(RateLimitKey::Address([127, 0, 0, 1].into())).is_ok());
        drop(first);
        assert!(admission.begin(ada()).is_ok());
    }
}
