//! The age of a log's entries, judged so that a wrong clock neither removes young entries nor keeps
//! old ones forever.
//!
//! `recordedAt` is a reading of the database's clock, which may have been wrong. Only what other
//! readings confirm counts:
//!
//! - A reading later than now is of a clock that ran ahead. It does not count.
//! - A reading earlier than one before it in the log is of a clock that ran behind, or the one
//!   before is of a clock that ran ahead. It does not count either.
//! - All other readings count. An entry whose own reading does not count was certainly recorded
//!   before the next entry whose reading counts, and is taken to be as young as that one.
//!
//! Along the log, the times that count never decrease, and entries are removed from its start. So
//! an entry is removed only if its own reading and all that count up to the next are old enough.
//!
//! Readings decrease only at the rows of `clock_steps`, and runs of entries between them are
//! searched by bisection: a few look-ups, however long the log is.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{TenantTable, audit_log, clock_step};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{Clock, Result, database};

/// Lead over this clock up to which a reading counts, since clocks of a cluster differ a little.
const MAX_LEAD: TimeDelta = TimeDelta::minutes(1);

/// A part of a log, and the time at which its entries' ages are judged.
pub(super) struct Ages<'a, C> {
    db: &'a C,
    organization_id: Uuid,
    /// Sequence of the last entry before the part.
    before: i64,
    /// Runs of the part, in its order.
    runs: Vec<Run>,
    /// The present, by the database's clock or that of this process, whichever is earlier: an entry
    /// is old only if both say so.
    pub(super) now: DateTime<Utc>,
}

/// Consecutive entries whose readings never decrease.
struct Run {
    first: i64,
    last: i64,
    /// Reading of the entry before the run, which is later than that of the first one.
    previous: Option<DateTime<Utc>>,
}

impl<'a, C: ConnectionTrait> Ages<'a, C> {
    /// Reads the runs of the entries after `before`, through `through`.
    pub(super) async fn read(
        db: &'a C,
        clock: &Clock,
        organization_id: Uuid,
        (before, through): (i64, i64),
    ) -> Result<Self> {
        let steps = clock_step::Entity::of(organization_id)
            .filter(clock_step::Column::Sequence.gt(before))
            .filter(clock_step::Column::Sequence.lte(through))
            .order_by_asc(clock_step::Column::Sequence)
            .all(db)
            .await?;
        let mut runs = vec![Run { first: before + 1, last: through, previous: None }];
        for step in steps {
            if let Some(run) = runs.last_mut() {
                run.last = step.sequence - 1;
            }
            let previous = Some(step.previous_recorded_at);
            runs.push(Run { first: step.sequence, last: through, previous });
        }
        runs.retain(|run| run.first <= run.last);
        let now = database::now(db, clock).await?.min(clock.now());
        Ok(Self { db, organization_id, before, runs, now })
    }

    /// Returns the last sequence up to which all entries are older than `time`, or the last one
    /// before the part if the first entry is not.
    pub(super) async fn last_before(&self, time: DateTime<Utc>) -> Result<i64> {
        let (mut through, mut latest) = (self.before, None);
        for run in &self.runs {
            latest = latest.max(self.counting(run.previous));
            let young = self.first_since(run, time).await?;
            let old = if young > run.first { self.reading(young - 1).await? } else { None };
            if old.is_some() && latest <= old {
                (through, latest) = (young - 1, old);
            }
            if young <= run.last && self.counting(self.reading(young).await?).is_some() {
                break;
            }
        }
        Ok(through)
    }

    /// Returns the time before which the first entry was certainly recorded; none if there is no
    /// entry, or no reading counts.
    pub(super) async fn first_recorded_before(&self) -> Result<Option<DateTime<Utc>>> {
        let mut latest = None;
        for run in &self.runs {
            latest = latest.max(self.counting(run.previous));
            let next = match latest {
                None => run.first,
                Some(latest) => self.first_since(run, latest).await?,
            };
            if next <= run.last
                && let Some(time) = self.counting(self.reading(next).await?)
            {
                return Ok(Some(time));
            }
        }
        Ok(None)
    }

    /// Returns the reading of the first entry; none if there is no entry.
    pub(super) async fn first_reading(&self) -> Result<Option<DateTime<Utc>>> {
        self.reading(self.before + 1).await
    }

    fn counting(&self, reading: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        reading.filter(|reading| *reading <= self.now + MAX_LEAD)
    }

    /// Returns the first sequence of a run whose reading is not before `time`; the one after the
    /// run if there is none.
    async fn first_since(&self, run: &Run, time: DateTime<Utc>) -> Result<i64> {
        if self.is_before(run.last, time).await? {
            return Ok(run.last + 1);
        }
        if !self.is_before(run.first, time).await? {
            return Ok(run.first);
        }
        let (mut old, mut young) = (run.first, run.last);
        while young - old > 1 {
            let middle = old + (young - old) / 2;
            if self.is_before(middle, time).await? {
                old = middle;
            } else {
                young = middle;
            }
        }
        Ok(young)
    }

    async fn is_before(&self, sequence: i64, time: DateTime<Utc>) -> Result<bool> {
        Ok(self.reading(sequence).await?.is_some_and(|reading| reading < time))
    }

    /// Returns an entry's `recordedAt`; none if the entry has been removed.
    async fn reading(&self, sequence: i64) -> Result<Option<DateTime<Utc>>> {
        let reading = audit_log::Entity::find_by_id((self.organization_id, sequence))
            .select_only()
            .column(audit_log::Column::RecordedAt)
            .into_tuple();
        Ok(reading.one(self.db).await?)
    }
}
