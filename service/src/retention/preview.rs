//! Previews the entries that a retention of some days would remove.

use chrono::{DateTime, Utc};

use super::{age::Ages, check, entry_at, find, prune};
use crate::{Result, Scope, audit};

/// Entries that are old enough to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The number of entries.
    pub entries: i64,
    /// The sequence of the first of these entries, which is the first of the log.
    pub first_sequence: i64,
    /// The sequence of the last of these entries.
    pub last_sequence: i64,
    /// Time at which the first of these entries was recorded.
    pub first_recorded_at: DateTime<Utc>,
    /// Time at which the last of these entries was recorded.
    pub last_recorded_at: DateTime<Utc>,
}

/// Returns the entries of the scope's log that were recorded more than `days` ago. They would be
/// removed now, unless a hold or an unfinished export prevents it. Returns `None` if there are no
/// such entries. Takes few look-ups, however long the log is.
///
/// # Errors
/// A number of days that is not between 1 and [`MAX_DAYS`](super::MAX_DAYS); a database fault.
pub async fn preview(scope: &Scope, days: Option<u32>) -> Result<Option<Preview>> {
    scope.require_one_of(&super::PERMISSIONS_TO_READ)?;
    let days = check(days)?;
    let (db, organization_id) = (scope.core().db.reader(), scope.organization_id());
    let pruned = find(scope).await?.map_or(0, |found| found.pruned);
    let head = audit::head_sequence(db, organization_id).await?;
    let ages = Ages::read(db, &scope.core().clock, organization_id, (pruned, head)).await?;
    let Some(cutoff) = prune::cutoff(ages.now, days) else { return Ok(None) };
    let last_sequence = ages.last_before(cutoff).await?;
    let first = entry_at(db, organization_id, pruned + 1).await?;
    let last = entry_at(db, organization_id, last_sequence).await?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    Ok((last_sequence > pruned).then_some(Preview {
        entries: last_sequence - pruned,
        first_sequence: first.sequence,
        last_sequence,
        first_recorded_at: first.recorded_at,
        last_recorded_at: last.recorded_at,
    }))
}
