//! The only source of randomness and of IDs.

use chrono::{DateTime, Utc};
use uuid::{Builder, Uuid};

/// Returns `N` random bytes from the operating system's generator.
///
/// # Panics
/// Panics if the operating system has no randomness: nothing could be done safely without it.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has a random generator");
    bytes
}

/// Returns a new UUIDv7 (RFC 9562). The time in it clusters new rows in an index; nothing relies on
/// the order.
#[must_use]
pub(crate) fn id(now: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &bytes()).into_uuid()
}
