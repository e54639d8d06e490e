//! Counting the matches of a search in intervals of time.
//!
//! As for a page (`page_query`), no single way is good for every word. If the index of words finds
//! few entries, all of them are assigned to their intervals. If it finds many, a limited number of
//! entries in each interval is checked for the words.

use daybook_entity::audit_log::{Column, Entity};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr,
    sea_query::{Asterisk, Expr, Func, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::{
    SEARCH_TABLE,
    lookup::{Lookup, count_of},
    page_query::PageQuery,
};
use crate::{
    audit::{
        Filter, Order,
        interval::{Counted, Interval, join, read_counts},
        list::keys,
    },
    page::{Direction, Keyset},
};

/// Maximum number of entries found by the index of words that are assigned to their intervals.
const MAX_FOUND_ENTRIES: u64 = 50_000;
/// Maximum number of entries that are checked for words, evenly divided between the intervals.
const MAX_WALKED_ENTRIES: u64 = 400_000;

/// Intervals of time, and a filter with a search.
pub(in crate::audit) struct SearchedIntervals {
    organization_id: Uuid,
    filter: Filter,
    intervals: Vec<Interval>,
    keyset: Keyset<Entity>,
}

impl SearchedIntervals {
    pub(in crate::audit) fn new(
        organization_id: Uuid,
        filter: &Filter,
        intervals: Vec<Interval>,
    ) -> Self {
        let keyset = keys(organization_id, filter, Order::TimestampAsc);
        Self { organization_id, filter: filter.clone(), intervals, keyset }
    }

    /// Counts the matches of each interval.
    pub(in crate::audit) async fn counts<C: ConnectionTrait>(
        &self,
        db: &C,
    ) -> Result<Vec<Counted>, DbErr> {
        let (backend, length) = (db.get_database_backend(), self.intervals.len());
        if self.are_few(db).await? {
            return read_counts(db, &self.found(backend), length, u64::MAX).await;
        }
        let most = MAX_WALKED_ENTRIES / length.max(1) as u64;
        read_counts(db, &self.walked(most, backend), length, most).await
    }

    /// True if the index of words finds few enough entries to assign each to its interval.
    async fn are_few<C: ConnectionTrait>(&self, db: &C) -> Result<bool, DbErr> {
        Ok(count_of(db, &self.bounded_count(db.get_database_backend())).await? <= MAX_FOUND_ENTRIES)
    }

    /// Counts everything that the index of words finds, up to one past the maximum to assign.
    fn bounded_count(&self, backend: DbBackend) -> SelectStatement {
        let lookup = self.lookup(self.filter.clone());
        let found = Query::select()
            .expr_as(Expr::val(1), "entry")
            .from(SEARCH_TABLE)
            .cond_where(lookup.found(&self.filter.words(), backend))
            .limit(MAX_FOUND_ENTRIES + 1)
            .to_owned();
        Query::select()
            .expr_as(Func::count(Expr::col(Asterisk)), "count")
            .from_subquery(found, "found")
            .to_owned()
    }

    /// Returns the statements that a histogram may run.
    #[cfg(test)]
    pub(in crate::audit) fn statements(&self, backend: DbBackend) -> Vec<SelectStatement> {
        let few = vec![self.bounded_count(backend)];
        [few, self.found(backend), self.walked(MAX_WALKED_ENTRIES, backend)].concat()
    }

    /// Counts everything that the index of words finds, by number of interval.
    fn found(&self, backend: DbBackend) -> Vec<SelectStatement> {
        let (Some(first), Some(last)) = (self.intervals.first(), self.intervals.last()) else {
            return Vec::new();
        };
        let whole = Interval { from: first.from, to: last.to };
        let lookup = self.lookup(whole.of(&self.filter));
        let numbered: Vec<_> = self.intervals.iter().copied().zip(0..).collect();
        let entries = lookup.all_found(number_of(&numbered), &self.filter.words(), backend);
        let counts = Query::select()
            .column("found")
            .expr(Func::count(Expr::col(Asterisk)))
            .expr(Expr::val(0_i64))
            .from_subquery(entries, "entries")
            .group_by_col("found")
            .to_owned();
        vec![counts]
    }

    /// Counts the entries that have the words among the first entries of each interval, up to one
    /// past `most`.
    fn walked(&self, most: u64, backend: DbBackend) -> Vec<SelectStatement> {
        let counts = self.intervals.iter().zip(0_i64..).map(|(interval, number)| {
            let lookup = self.lookup(interval.of(&self.filter));
            let (direction, words) = (Direction::Forward, self.filter.words());
            let page = PageQuery { lookup: &lookup, direction, limit: most + 1, backend, words };
            let walk = page.walk(page.limit);
            let has_words = Expr::case(page.has_words(), Expr::val(1));
            Query::select()
                .expr(Expr::val(number))
                .expr(Func::count(has_words))
                .expr(Func::count(Expr::col(Asterisk)))
                .from_subquery(walk, "walked")
                .to_owned()
        });
        join(counts.collect(), backend)
    }

    fn lookup(&self, filter: Filter) -> Lookup<'_> {
        let (organization_id, keyset) = (self.organization_id, &self.keyset);
        Lookup { organization_id, filter, keyset, keys: Vec::new(), through: None, pruned: 0 }
    }
}

/// Returns the number of the interval that contains an entry, by binary search.
fn number_of(intervals: &[(Interval, i64)]) -> SimpleExpr {
    match intervals {
        [] => Expr::val(-1_i64),
        [(_, number)] => Expr::val(*number),
        _ => {
            let (earlier, later) = intervals.split_at(intervals.len() / 2);
            let begin = later[0].0.from;
            let is_earlier = Column::Timestamp.lt(begin);
            Expr::case(is_earlier, number_of(earlier)).finally(number_of(later)).into()
        }
    }
}
