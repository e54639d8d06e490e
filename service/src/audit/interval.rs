//! Intervals of time, and the numbers of entries in them.

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr,
    sea_query::{SelectStatement, UnionType},
};

use super::Filter;
use crate::MAX_INSTANT;

/// Maximum number of values in one statement; SQLite accepts three times as many.
const MAX_STATEMENT_VALUES: usize = 10_000;

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

/// Joins statements that have about the same number of values into as few as the engines accept.
pub(super) fn join(statements: Vec<SelectStatement>, backend: DbBackend) -> Vec<SelectStatement> {
    let Some(first) = statements.first() else { return Vec::new() };
    let values = backend.build(first).values.map_or(0, |values| values.0.len());
    let at_once = (MAX_STATEMENT_VALUES / values.max(1)).max(1);
    let joined = statements.chunks(at_once).filter_map(|statements| {
        let all = statements.iter().cloned();
        all.reduce(|mut all, next| all.union(UnionType::All, next).to_owned())
    });
    joined.collect()
}

/// Reads the counts of statements. For each of `length` intervals, or only for some, they return
/// the interval's number, the number of entries that pass, and the number of entries examined. No
/// statement examines more than one past `most` for an interval.
pub(super) async fn read_counts<C: ConnectionTrait>(
    db: &C,
    statements: &[SelectStatement],
    length: usize,
    most: u64,
) -> Result<Vec<Counted>, DbErr> {
    let mut counts = vec![Counted::default(); length];
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    for statement in statements {
        for row in db.query_all(statement).await? {
            let number: i64 = row.try_get_by_index(0)?;
            let count: i64 = row.try_get_by_index(1)?;
            let looked_at: i64 = row.try_get_by_index(2)?;
            let slot = usize::try_from(number).ok().and_then(|number| counts.get_mut(number));
            if let Some(slot) = slot {
                *slot = Counted { count: count.min(most), is_capped: looked_at > most };
            }
        }
    }
    Ok(counts)
}
