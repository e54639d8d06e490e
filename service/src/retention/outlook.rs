//! When the next entries of a log are removed, and what keeps them longer.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{
    TenantTable,
    job::{self, JobState},
    retention,
};
use sea_orm::{ColumnTrait, ConnectionTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use super::{PERMISSIONS_TO_READ, age::Ages, find, holds::is_held};
use crate::{Clock, Result, Scope, audit};

/// An obstacle to the removal of entries that are old enough.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A hold on the log.
    Hold,
    /// An unfinished job that reads the log.
    Export,
    /// A wrong clock: entries' times contradict each other or the present.
    Clock,
}

impl Obstacle {
    /// Every obstacle.
    pub const ALL: [Self; 3] = [Self::Hold, Self::Export, Self::Clock];

    /// The obstacle's name in metrics and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Export => "export",
            Self::Clock => "clock",
        }
    }
}

/// The removal of a log's entries that comes next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Time from which the first entry is old enough to be removed. None if entries are kept
    /// forever, if there is no entry, or if no clock tells how old the first one is.
    pub due_at: Option<DateTime<Utc>>,
    /// Obstacles to the removal of entries that are old enough by their own `recordedAt`, or whose age
    /// is unknown.
    pub obstacles: Vec<Obstacle>,
}

/// Returns the outlook of the scope's log.
///
/// # Errors
/// A database fault.
pub async fn outlook(scope: &Scope) -> Result<Outlook> {
    scope.require_one_of(&PERMISSIONS_TO_READ)?;
    let Some(found) = find(scope).await? else { return Ok(Outlook::default()) };
    let core = scope.core();
    let kinds = core.job_kinds.names_reading_audit_log().collect();
    outlook_of(core.db.reader(), &core.clock, kinds, &found).await
}

/// Returns the outlook of a log. Jobs of `kinds` read logs.
pub(crate) async fn outlook_of<C: ConnectionTrait>(
    db: &C,
    clock: &Clock,
    kinds: Vec<&str>,
    found: &retention::Model,
) -> Result<Outlook> {
    let Some(days) = found.days.map(|days| TimeDelta::days(days.into())) else {
        return Ok(Outlook::default());
    };
    let organization_id = found.organization_id;
    let head = audit::head_sequence(db, organization_id).await?;
    let ages = Ages::read(db, clock, organization_id, (found.pruned, head)).await?;
    let Some(reading) = ages.first_reading().await? else { return Ok(Outlook::default()) };
    let due = |time: DateTime<Utc>| time.checked_add_signed(days);
    let is_due = |time: DateTime<Utc>| due(time).is_some_and(|due| due < ages.now);
    let recorded = ages.first_recorded_before().await?;
    let due_at = recorded.and_then(due);
    let mut obstacles = Vec::new();
    if recorded.is_some_and(is_due) {
        obstacles = present(db, organization_id, kinds).await?;
    } else if recorded.is_none() || is_due(reading) {
        obstacles.push(Obstacle::Clock);
    }
    Ok(Outlook { due_at, obstacles })
}

/// Returns the obstacles to any removal from a log: a hold, or an unfinished job of one of `kinds`.
pub(super) async fn present<C: ConnectionTrait>(
    db: &C,
    organization_id: Uuid,
    kinds: Vec<&str>,
) -> Result<Vec<Obstacle>> {
    let mut obstacles = Vec::new();
    if is_held(db, organization_id).await? {
        obstacles.push(Obstacle::Hold);
    }
    let readers = job::Entity::of(organization_id)
        .filter(job::Column::Kind.is_in(kinds))
        .filter(job::Column::State.is_in([JobState::Queued, JobState::Running]));
    if readers.count(db).await? > 0 {
        obstacles.push(Obstacle::Export);
    }
    Ok(obstacles)
}
