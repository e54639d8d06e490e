//! How many entries happened when: counts in equal intervals.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::audit_log::Entity;
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Asterisk, Expr, Func, Query, SelectStatement, UnionType},
};

use super::{Filter, Order, list::list};
use crate::{Error, Result, Scope, clock::ceil_to_micros, page::PageArgs, replica};

/// Most intervals of one histogram.
pub const MAX_BUCKETS: usize = 200;
/// Entries that one histogram counts at the most, evenly divided between its intervals: what keeps
/// its cost bounded however long the log is. An interval with more says so.
const MOST_COUNTED: u64 = 2_000_000;

/// The entries of one interval.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Where it begins.
    pub from: DateTime<Utc>,
    /// Where it ends; the end itself is not in it.
    pub to: DateTime<Utc>,
    /// Entries in it, or as many of them as were counted.
    pub count: i64,
    /// Whether there are more than `count`.
    pub is_capped: bool,
}

/// The entries that pass `filter`, counted in `buckets` equal intervals of `timestamp` between the
/// filter's `from` and `to`. A bound that is absent is where the first or last entry that passes
/// is; none at all where no entry gives one.
///
/// # Errors
/// A filter or number that can't be used; a database fault.
pub async fn histogram(scope: &Scope, filter: &Filter, buckets: usize) -> Result<Vec<Bucket>> {
    if !(1..=MAX_BUCKETS).contains(&buckets) {
        return Err(Error::invalid(&["buckets"], format!("must be from 1 to {MAX_BUCKETS}")));
    }
    let Some((from, to)) = range(scope, filter).await? else { return Ok(Vec::new()) };
    let intervals = divide(from, to, buckets);
    let most = MOST_COUNTED / intervals.len().max(1) as u64;
    let Some(statement) = statement(scope, filter, &intervals, most) else {
        return Ok(Vec::new());
    };
    let mut counts = vec![0_i64; intervals.len()];
    let rows = replica::read(scope, &statement, |db, statement| {
        Box::pin(async move { Ok(db.query_all(statement).await?) })
    });
    for row in rows.await? {
        let (number, count): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        if let Some(slot) = usize::try_from(number).ok().and_then(|number| counts.get_mut(number)) {
            *slot = count;
        }
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let bucket = |((from, to), count): ((DateTime<Utc>, DateTime<Utc>), i64)| Bucket {
        from,
        to,
        count: count.min(most),
        is_capped: count > most,
    };
    Ok(intervals.into_iter().zip(counts).map(bucket).collect())
}

/// From where to where: the filter's bounds, or the first and last entries that pass.
async fn range(scope: &Scope, filter: &Filter) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
    let outermost = async |order| -> Result<Option<DateTime<Utc>>> {
        let args = PageArgs { first: Some(1), ..PageArgs::default() };
        let page = list(scope, filter, order, &args).await?;
        Ok(page.items.first().map(|item| item.node.timestamp))
    };
    let from = match filter.from {
        Some(from) => Some(ceil_to_micros(from)),
        None => outermost(Order::TimestampAsc).await?,
    };
    let to = match filter.to {
        Some(to) => Some(ceil_to_micros(to)),
        // The end is not part of the range, the last entry is.
        None => {
            outermost(Order::TimestampDesc).await?.map(|last| last + TimeDelta::microseconds(1))
        }
    };
    let problems = filter.problems(&["filter"]);
    if !problems.is_empty() {
        return Err(Error::Refused(problems));
    }
    Ok(from.zip(to).filter(|(from, to)| from < to))
}

/// Cuts a range into `count` intervals of whole microseconds that differ by one at the most; fewer
/// where it has fewer microseconds.
fn divide(
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    count: usize,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let length = to.timestamp_micros() - from.timestamp_micros();
    let count = i64::try_from(count).unwrap_or(i64::MAX).min(length);
    // In 128 bits: ten millennia of microseconds times the number of an interval.
    let bound = |number: i64| {
        let offset = i128::from(length) * i128::from(number) / i128::from(count);
        from + TimeDelta::microseconds(i64::try_from(offset).unwrap_or(length))
    };
    (0..count).map(|number| (bound(number), bound(number + 1))).collect()
}

/// One statement for all intervals, each a range of an index and counted to one past `most`: no
/// arithmetic on times in SQL, which the engines store differently.
fn statement(
    scope: &Scope,
    filter: &Filter,
    intervals: &[(DateTime<Utc>, DateTime<Utc>)],
    most: u64,
) -> Option<SelectStatement> {
    let mut counts = intervals.iter().zip(0_i64..).map(|(&(from, to), number)| {
        let within = Filter { from: Some(from), to: Some(to), ..filter.clone() };
        let entries = Entity::find()
            .select_only()
            .expr_as(Expr::val(1), "entry")
            .filter(within.condition(scope.organization_id))
            .limit(most + 1);
        Query::select()
            .expr(Expr::val(number))
            .expr(Func::count(Expr::col(Asterisk)))
            .from_subquery(entries.into_query(), "entries")
            .to_owned()
    });
    let first = counts.next()?;
    Some(counts.fold(first, |mut all, next| all.union(UnionType::All, next).to_owned()))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;

    use super::divide;

    proptest! {
        #[test]
        fn intervals_meet_and_make_up_the_range(start in -62_000_000_000_i64..250_000_000_000, length in 1_i64..i64::MAX / 40_000, count in 1_usize..=200) {
            let from = DateTime::from_timestamp(start, 0).unwrap();
            let to = from + TimeDelta::microseconds(length);
            let intervals = divide(from, to, count);
            prop_assert_eq!(intervals.first().map(|first| first.0), Some(from));
            prop_assert_eq!(intervals.last().map(|last| last.1), Some(to));
            prop_assert!(intervals.windows(2).all(|pair| pair[0].1 == pair[1].0));
            prop_assert!(intervals.iter().all(|(from, to)| from < to));
        }
    }
}
