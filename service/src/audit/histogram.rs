//! Histograms: numbers of entries in equal intervals of time.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::audit_log::Entity;
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Asterisk, Expr, Func, Query, SelectStatement, UnionType},
};

use super::{
    Filter, Order,
    filter::{Translation, sides},
    interval::{Counted, Interval, join, read_counts},
    list::{advise, check, list},
    search::SearchedIntervals,
};
use crate::{Error, MAX_INSTANT, Permission, Result, Scope, page::PageArgs, workload};

/// Maximum number of intervals in one histogram.
pub const MAX_BUCKETS: usize = 200;
/// Maximum number of entries that one histogram counts, evenly divided between its intervals. It
/// bounds the cost, however long the log is. An interval with more entries says so.
const MAX_COUNTED_ENTRIES: u64 = 2_000_000;

/// The entries of one interval.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Start of the interval, which is part of it.
    pub from: DateTime<Utc>,
    /// End of the interval, which is not part of it, unless it is [`MAX_INSTANT`] and the filter
    /// has no `to`.
    pub to: DateTime<Utc>,
    /// Number of entries in the interval that were counted.
    pub count: i64,
    /// True if counting stopped early, so that there may be more than `count` entries.
    pub is_capped: bool,
}

/// Counts the entries that pass `filter` in `buckets` equal intervals of `timestamp` between the
/// filter's `from` and `to`. The first or the last entry that passes replaces an absent bound.
/// Returns no intervals if no entry provides one.
///
/// # Errors
/// A filter or number that can't be used; a database fault.
pub async fn histogram(scope: &Scope, filter: &Filter, buckets: usize) -> Result<Vec<Bucket>> {
    scope.require(Permission::ReadAuditLog)?;
    if !(1..=MAX_BUCKETS).contains(&buckets) {
        return Err(Error::invalid(&["buckets"], format!("must be from 1 to {MAX_BUCKETS}")));
    }
    check(filter)?;
    advise(filter);
    let Some(range) = range(scope, filter).await? else { return Ok(Vec::new()) };
    let intervals = divide(range, buckets);
    let counts = counts(scope, filter, intervals.clone()).await?;
    let bucket = |(interval, counted): (Interval, Counted)| Bucket {
        from: interval.from,
        to: interval.to.min(MAX_INSTANT),
        count: counted.count,
        is_capped: counted.is_capped,
    };
    Ok(intervals.into_iter().zip(counts).map(bucket).collect())
}

/// Returns the range of the histogram: the filter's bounds, or the first and last entries that
/// pass.
async fn range(scope: &Scope, filter: &Filter) -> Result<Option<Interval>> {
    let outermost = async |order| -> Result<Option<DateTime<Utc>>> {
        let args = PageArgs { first: Some(1), ..PageArgs::default() };
        let page = list(scope, filter, order, &args).await?;
        Ok(page.items.first().map(|item| item.node.timestamp))
    };
    let from = match filter.from {
        Some(from) => Some(from),
        None => outermost(Order::TimestampAsc).await?,
    };
    let to = match filter.to {
        Some(to) => Some(to),
        // The end is not part of the range, but the last entry is.
        None => {
            outermost(Order::TimestampDesc).await?.map(|last| last + TimeDelta::microseconds(1))
        }
    };
    let interval = from.zip(to).map(|(from, to)| Interval { from, to });
    Ok(interval.filter(|Interval { from, to }| from < to))
}

/// Divides a range into `count` intervals of whole microseconds, whose lengths differ by at most
/// one; into fewer if the range has fewer microseconds.
fn divide(Interval { from, to }: Interval, count: usize) -> Vec<Interval> {
    let length = to.timestamp_micros() - from.timestamp_micros();
    let count = i64::try_from(count).unwrap_or(i64::MAX).min(length);
    // Computed in 128 bits: ten millennia of microseconds times the number of an interval.
    let bound = |number: i64| {
        let offset = i128::from(length) * i128::from(number) / i128::from(count);
        from + TimeDelta::microseconds(i64::try_from(offset).unwrap_or(length))
    };
    (0..count).map(|number| Interval { from: bound(number), to: bound(number + 1) }).collect()
}

/// Counts the entries that pass `filter` in each of `intervals`.
async fn counts(scope: &Scope, filter: &Filter, intervals: Vec<Interval>) -> Result<Vec<Counted>> {
    if filter.search.is_some() {
        let searched = SearchedIntervals::new(scope.organization_id(), filter, intervals);
        let counts = scope.read(&searched, |db, searched| {
            Box::pin(async move { Ok(searched.counts(db).await?) })
        });
        return workload::scan(counts).await;
    }
    let most = MAX_COUNTED_ENTRIES / intervals.len().max(1) as u64;
    let backend = scope.core().db.reader().get_database_backend();
    let translation = Translation { organization_id: scope.organization_id(), backend };
    let statements = statements(filter, translation, &intervals, most);
    let all = (statements, intervals.len(), most);
    let counts = scope.read(&all, |db, (statements, length, most)| {
        Box::pin(async move { Ok(read_counts(db, statements, *length, *most).await?) })
    });
    workload::scan(counts).await
}

/// Returns statements for all intervals, mostly one, which count each interval as a range of an
/// index to one past `most`. They do no arithmetic on times, which the engines store differently.
pub(super) fn statements(
    filter: &Filter,
    translation: Translation,
    intervals: &[Interval],
    most: u64,
) -> Vec<SelectStatement> {
    let counts = intervals.iter().zip(0_i64..).map(|(interval, number)| {
        let entries = sides(&interval.of(filter), translation).into_iter().map(|side| {
            let entries = Entity::find().select_only().expr_as(Expr::val(1), "entry");
            entries.filter(side).limit(most + 1).into_query()
        });
        Query::select()
            .expr(Expr::val(number))
            .expr(Func::count(Expr::col(Asterisk)))
            .expr(Func::count(Expr::col(Asterisk)))
            .from_subquery(first_of(entries.collect(), most + 1), "entries")
            .to_owned()
    });
    join(counts.collect(), translation.backend)
}

/// Returns the first `limit` rows of selects that have none in common.
fn first_of(mut selects: Vec<SelectStatement>, limit: u64) -> SelectStatement {
    if selects.len() == 1 {
        return selects.remove(0);
    }
    let whole = selects
        .into_iter()
        .map(|select| Query::select().column(Asterisk).from_subquery(select, "side").to_owned());
    let all = whole.reduce(|mut all, next| all.union(UnionType::All, next).to_owned());
    all.unwrap_or_default().limit(limit).to_owned()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;

    use super::{Interval, divide};

    proptest! {
        #[test]
        fn intervals_meet_and_make_up_the_range(start in -62_000_000_000_i64..250_000_000_000, length in 1_i64..i64::MAX / 40_000, count in 1_usize..=200) {
            let from = DateTime::from_timestamp(start, 0).unwrap();
            let to = from + TimeDelta::microseconds(length);
            let intervals = divide(Interval { from, to }, count);
            prop_assert_eq!(intervals.first().map(|first| first.from), Some(from));
            prop_assert_eq!(intervals.last().map(|last| last.to), Some(to));
            prop_assert!(intervals.windows(2).all(|pair| pair[0].to == pair[1].from));
            prop_assert!(intervals.iter().all(|interval| interval.from < interval.to));
        }
    }
}
