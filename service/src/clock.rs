//! The only source of time.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Largest lead of a log's last entry over the clock that is waited for; the log's times go back if
/// the lead is larger. More than daylight saving time and any correction by NTP.
pub(crate) const MAX_CATCH_UP: TimeDelta = TimeDelta::hours(1);

/// A clock in UTC, to the microsecond, which is the precision that both engines store.
///
/// Tests can move this clock. Nothing else in Daybook reads the system's clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Microseconds ahead of the system's clock.
    ahead: Arc<AtomicI64>,
    /// Organizations whose log had a last entry later than this clock when they were last checked.
    behind: Arc<Mutex<HashSet<Uuid>>>,
}

impl Clock {
    /// Returns the current instant.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now(&self) -> DateTime<Utc> {
        self.shift(Utc::now())
    }

    /// Shifts an instant that was read elsewhere, such as from the database, by as much as this
    /// clock is ahead.
    #[must_use]
    pub fn shift(&self, instant: DateTime<Utc>) -> DateTime<Utc> {
        let ahead = TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed));
        to_micros(instant + ahead)
    }

    /// Returns the time of a recording at `now` after an entry of the time `last`.
    ///
    /// If `last` is later by up to [`MAX_CATCH_UP`], this is `last`, so that small corrections of a
    /// clock don't make a log's times run backwards. If it is later by more, that entry's clock was
    /// wrong or this one is, and the log's times go back to `now`: a clock that was once years ahead
    /// would otherwise date every later entry.
    ///
    /// Logs one warning until the clock has caught up, not one for each recording.
    pub(crate) fn recording_time(
        &self,
        organization_id: Uuid,
        now: DateTime<Utc>,
        last: Option<DateTime<Utc>>,
    ) -> DateTime<Utc> {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = last.filter(|last| *last > now) else {
            behind.remove(&organization_id);
            return now;
        };
        let seconds = (last - now).as_seconds_f64();
        if last - now > MAX_CATCH_UP {
            behind.remove(&organization_id);
            tracing::warn!(
                organization.id = %organization_id, behind_seconds = seconds,
                "the database's clock is far behind the log's last entry: it was wrong then or is wrong \
                 now, and recordedAt goes back; synchronize it by NTP",
            );
            return now;
        }
        if behind.insert(organization_id) {
            tracing::warn!(
                organization.id = %organization_id, behind_seconds = seconds,
                "the database's clock is behind the log's last entry: entries get that one's time until \
                 the clock has caught up; synchronize it by NTP",
            );
        }
        last
    }

    /// Moves this clock and all its copies forward.
    pub fn advance(&self, by: Duration) {
        self.ahead.fetch_add(micros(by), Ordering::Relaxed);
    }

    /// Moves this clock and all its copies back.
    pub fn set_back(&self, by: Duration) {
        self.ahead.fetch_sub(micros(by), Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Returns `instant` truncated to the microsecond.
#[must_use]
pub fn to_micros(instant: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant)
}
