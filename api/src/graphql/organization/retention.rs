//! `Retention`, `Hold`.

use async_graphql::{Enum, Object, Result, SimpleObject};
use daybook_entity::hold;
use daybook_service::{
    Scope,
    retention::{self, Obstacle},
};

use crate::graphql::{
    error::to_error,
    scalar::{BigInt, Instant},
};

/// The retention of an organization's audit log.
pub(in crate::graphql) struct Retention {
    scope: Scope,
    days: Option<i32>,
    pruned: i64,
}

impl Retention {
    /// Reads the retention of the scope's organization.
    pub(super) async fn of(scope: Scope) -> Result<Self> {
        let found = retention::find(&scope).await.map_err(to_error)?;
        let (days, pruned) = found.map_or((None, 0), |found| (found.days, found.pruned));
        Ok(Self { scope, days, pruned })
    }
}

/// The retention of an organization's audit log. It is set on the host that runs Daybook (`daybook
/// retention`, `daybook hold`), and each change is recorded in the log. The age of an entry counts
/// from its `recordedAt`, not from its `timestamp`.
#[Object]
impl Retention {
    /// Number of days for which an entry is kept after its `recordedAt`; it is removed within a day
    /// after that. Null if entries are never removed.
    async fn days(&self) -> Option<i32> {
        self.days
    }

    /// All entries up to and including this `sequence` have been removed. 0 if none has been.
    async fn pruned_through_sequence(&self) -> BigInt {
        BigInt(self.pruned)
    }

    /// Time from which the first remaining entry is old enough to be removed. Null if entries are
    /// never removed, if there is no entry, or if it isn't known when the first entry was recorded:
    /// `heldBackBy` then has `CLOCK`.
    async fn next_removal_at(&self) -> Result<Option<Instant>> {
        let outlook = retention::outlook(&self.scope).await.map_err(to_error)?;
        Ok(outlook.due_at.map(Instant::from))
    }

    /// Obstacles to the removal of entries that are old enough. Empty if there are none.
    async fn held_back_by(&self) -> Result<Vec<RetentionObstacle>> {
        let outlook = retention::outlook(&self.scope).await.map_err(to_error)?;
        Ok(outlook.obstacles.into_iter().map(RetentionObstacle::from).collect())
    }

    /// Holds on the log, by name. While there are any, no entry is removed, regardless of its age.
    async fn holds(&self) -> Result<Vec<Hold>> {
        let holds = retention::holds(&self.scope).await.map_err(to_error)?;
        Ok(holds.into_iter().map(Hold::from).collect())
    }
}

/// A reason for which entries are kept that are old enough to be removed.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
pub(in crate::graphql) enum RetentionObstacle {
    /// The log has a hold.
    Hold,
    /// An unfinished export reads the log.
    Export,
    /// A clock was wrong when entries were recorded: the `recordedAt` of the first entry lies in
    /// the future, or before that of an earlier entry. It is removed once the next entry that was
    /// recorded with a right clock is old enough.
    Clock,
}

impl From<Obstacle> for RetentionObstacle {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::Hold => Self::Hold,
            Obstacle::Export => Self::Export,
            Obstacle::Clock => Self::Clock,
        }
    }
}

/// A hold on an audit log: while it exists, no entry of the log is removed.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Hold {
    /// Name of the hold, such as a case number. Unique in the organization.
    name: String,
    /// Reason for the hold, as free text.
    reason: String,
    /// Subject that placed the hold.
    placed_by: String,
    /// The time at which the hold was placed.
    placed_at: Instant,
}

impl From<hold::Model> for Hold {
    fn from(hold: hold::Model) -> Self {
        let hold::Model { organization_id: _, name, reason, placed_by, placed_at } = hold;
        Self { name, reason, placed_by, placed_at: placed_at.into() }
    }
}
