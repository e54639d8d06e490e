//! Intervals of time, and the numbers of entries in them.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DbErr,
    sea_query::{SelectStatement, UnionType},
};

use super::Filter;
use crate::MAX_INSTANT;

/// A part of a range of time. Its end is not part of it, and may be the microsecond after
/// [`MAX_INSTANT`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
}

impl Interval {
    /// Restricts `filter` to this interval. An end after [`MAX_INSTANT`] is left out: nothing lies
    /// after it, and SQLite would sort the text of a five-digit year wrongly.
    pub(super) fn of(self, filter: &Filter) -> Filter {
        let to = Some(self.to).filter(|to| *to <= MAX_INSTANT);
        Filter { from: Some(self.from), to, ..filter.clone() }
    }
}

/// The count of one interval.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) count: i64,
    pub(super) is_capped: bool,
}

/// Joins all statements into one; returns `None` if there are none.
pub(super) fn union(
    mut statements: impl Iterator<Item = SelectStatement>,
) -> Option<SelectStatement> {
    let first = statements.next()?;
    Some(statements.fold(first, |mut all, next| all.union(UnionType::All, next).to_owned()))
}

/// Reads the counts of a statement. For each of `length` intervals, or only for some, it returns
/// the interval's number, the number of entries that pass, and the number of entries examined. No
/// statement examines more than one past `most`.
pub(super) async fn read_counts<C: ConnectionTrait>(
    db: &C,
    statement: Option<&SelectStatement>,
    length: usize,
    most: u64,
) -> Result<Vec<Counted>, DbErr> {
    let mut counts = vec![Counted::default(); length];
    let Some(statement) = statement else { return Ok(counts) };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    for row in db.query_all(statement).await? {
        let number: i64 = row.try_get_by_index(0)?;
        let (count, looked_at): (i64, i64) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        if let Some(slot) = usize::try_from(number).ok().and_then(|number| counts.get_mut(number)) {
            *slot = Counted { count: count.min(most), is_capped: looked_at > most };
        }
    }
    Ok(counts)
}
