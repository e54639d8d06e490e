//! The one source of time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

/// UTC to the microsecond, which is what both engines store.
///
/// Tests move it forward; nothing else in Daybook reads the system's clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Microseconds ahead of the system's clock.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// This instant.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now(&self) -> DateTime<Utc> {
        self.shift(Utc::now())
    }

    /// An instant read elsewhere (the database), moved as far as this clock is.
    #[must_use]
    pub fn shift(&self, instant: DateTime<Utc>) -> DateTime<Utc> {
        let ahead = TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed));
        to_micros(instant + ahead)
    }

    /// Moves this clock and all its copies forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.ahead.fetch_add(by, Ordering::Relaxed);
    }
}

/// `instant` without what is below a microsecond.
#[must_use]
pub fn to_micros(instant: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant)
}
