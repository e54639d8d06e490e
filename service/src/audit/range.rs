//! Pages of a range of one column in the order of another, a combination that no index serves.
//!
//! There are two ways to such a page: along the list's order, past everything that the range
//! excludes, and along the range's own index, through everything that it includes, which is then
//! sorted. The shorter way depends on where in the log the range lies. No planner can tell: times
//! and sequences grow together, but planners assume that they are independent. So each way is tried
//! for a bounded number of entries and, if neither leads to the page, both are tried for more:
//!
//! ```text
//! far   = a page of everything in the range, if that is little
//! near  = those of the list's next entries that are in the range, if they fill the page
//! ```
//!
//! The amount read is therefore proportional to the shorter way.

use std::cmp;

use daybook_entity::audit_log::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, Order, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select, Statement,
    sea_query::{Asterisk, Expr, ExprTrait, Query, SelectStatement},
};

use super::{
    Filter,
    filter::condition,
    head::head_sequence,
    search::{Lookup, count_of, union},
};
use crate::{
    Result,
    page::{self, Direction},
};

/// Number of entries in a range that are sorted in the first round.
const FIRST_ROUND_INCLUDED: u64 = 1_000;
/// Number of entries that are walked in the first round.
const FIRST_ROUND_WINDOW: u64 = 5_000;
/// Factor by which both numbers grow each round.
const ROUND_GROWTH: u64 = 4;

/// The query for one page of a range.
#[derive(Clone)]
pub(super) struct RangePage<'a> {
    /// The list without the range.
    rest: Lookup<'a>,
    /// The list with the range.
    whole: &'a Lookup<'a>,
    range: Filter,
    direction: Direction,
    limit: u64,
    backend: DbBackend,
}

impl<'a> RangePage<'a> {
    /// Returns the page of the first `limit` entries of `lookup` in this direction; `None` if an
    /// index has them in order.
    pub(super) fn of(
        lookup: &'a Lookup<'a>,
        direction: Direction,
        limit: u64,
        backend: DbBackend,
    ) -> Option<Self> {
        let (rest, range) = split(&lookup.filter, lookup.keyset.columns[0]);
        if range.is_empty() || lookup.filter.search.is_some() {
            return None;
        }
        let rest = Lookup { filter: rest, ..lookup.clone() };
        Some(Self { rest, whole: lookup, range, direction, limit, backend })
    }

    /// Reads the page.
    ///
    /// # Errors
    /// A database fault.
    pub(super) async fn read<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<Model>> {
        let (mut included, mut window) =
            (FIRST_ROUND_INCLUDED, cmp::max(FIRST_ROUND_WINDOW, self.limit));
        // Entries recorded between a count and the page of what was counted would make the page
        // wrong.
        let through = head_sequence(db, self.whole.organization_id).await?;
        loop {
            if count_of(db, &self.count(included, through)).await? <= included {
                return Ok(self.full_range(included, through).all(db).await?);
            }
            let recent_window = self.recent_window(window).all(db).await?;
            if recent_window.len() as u64 == self.limit {
                return Ok(recent_window);
            }
            window = window.saturating_mul(ROUND_GROWTH);
            included = window;
        }
    }

    /// Returns the statements that reading may take, in order, to examine how the database runs
    /// them: the counts and walks of two rounds, and the page of everything in the range.
    pub(super) fn statements(&self) -> Vec<Statement> {
        let backend = self.backend;
        let (more, through) = (FIRST_ROUND_WINDOW * ROUND_GROWTH, i64::MAX);
        vec![
            backend.build(&self.count(FIRST_ROUND_INCLUDED, through)),
            self.recent_window(FIRST_ROUND_WINDOW).build(backend),
            backend.build(&self.count(more, through)),
            self.full_range(more, through).build(backend),
        ]
    }

    /// Selects those of the list's next `window` entries that are in the range, up to a page.
    fn recent_window(&self, window: u64) -> Select<Entity> {
        let mut columns =
            vec![Column::OrganizationId, Column::Sequence, Column::Timestamp, Column::Action];
        columns.extend(self.range.clock_skewed.map(|_| Column::ClockSkewed));
        let walk = self.rest.walk(&columns, self.direction, window, self.backend);
        let mut recent_window = Query::select();
        recent_window
            .column("sequence")
            .from_subquery(walk, Entity)
            .cond_where(condition(&self.range, self.whole.translation(self.backend)));
        self.entries(self.first_of(recent_window))
    }

    /// Selects a page of everything in the range.
    fn full_range(&self, included: u64, through: i64) -> Select<Entity> {
        let mut full_range = Query::select();
        full_range.column("sequence").from_subquery(self.all(included, through), Entity);
        self.entries(self.first_of(full_range))
    }

    /// Orders a select from a subselect, and cuts it to a page. The order of a subselect does not
    /// carry over to the outer select: SQLite reads a subselect by an index that it makes itself if
    /// that looks cheaper.
    fn first_of(&self, mut select: SelectStatement) -> SelectStatement {
        let order = match self.whole.keyset.towards(self.direction) {
            page::Order::Ascending => Order::Asc,
            page::Order::Descending => Order::Desc,
        };
        for column in &self.whole.keyset.columns {
            select.order_by((Entity, *column), order.clone());
        }
        select.limit(self.limit).to_owned()
    }

    /// Counts the entries in the range, up to one more than `included`.
    fn count(&self, included: u64, through: i64) -> SelectStatement {
        let all = self.all(included + 1, through);
        Query::select()
            .expr_as(Expr::col(Asterisk).count(), "count")
            .from_subquery(all, Entity)
            .to_owned()
    }

    /// Selects the range up to a sequence, along the range's own index: a unary plus keeps the
    /// planner from the index of sequences.
    fn all(&self, limit: u64, through: i64) -> SelectStatement {
        let columns = self.whole.keyset.columns.clone();
        let own = match (self.range.has_times(), self.range.action.is_empty()) {
            (true, _) => Column::Timestamp,
            (false, false) => Column::Action,
            (false, true) => Column::Sequence,
        };
        let order = [&[own], &columns[..]].concat();
        // Each action is a range of its own.
        let actions = self.range.action.chunks(1).map(|action| {
            let filter = Filter { action: action.to_vec(), ..self.whole.filter.clone() };
            Lookup { filter, ..self.whole.clone() }
        });
        let mut lookups: Vec<_> = actions.collect();
        if lookups.is_empty() {
            lookups.push(self.whole.clone());
        }
        let branches = lookups.iter().flat_map(|lookup| lookup.branches(None, self.backend));
        let selects = branches.map(|branch| {
            let all = Entity::find().select_only().columns(columns.clone());
            let all = all.filter(branch.condition);
            let all = all.filter(Expr::cust(format!("+audit_logs.sequence <= {through}")));
            if branch.is_looked_up && !matches!(own, Column::Sequence) {
                return all.into_query();
            }
            let all = order.iter().fold(all, |all, column| all.order_by_asc(*column));
            all.limit(limit).into_query()
        });
        union(selects.collect()).limit(limit).to_owned()
    }

    fn entries(&self, sequences: SelectStatement) -> Select<Entity> {
        let entries = Entity::find()
            .filter(Column::OrganizationId.eq(self.whole.organization_id))
            .filter(Column::Sequence.in_subquery(sequences));
        self.whole.keyset.sort(entries, self.direction).limit(self.limit)
    }
}

/// Splits `filter` into the rest and a range that no index serves in the order of `first`.
fn split(filter: &Filter, first: Column) -> (Filter, Filter) {
    let (mut rest, mut range) = (filter.clone(), Filter::default());
    if rest.has_action_prefix() {
        range.action = std::mem::take(&mut rest.action);
    }
    if matches!(first, Column::Timestamp) {
        range.sequence_from = rest.sequence_from.take();
        range.sequence_to = rest.sequence_to.take();
        // An index has the few entries of this kind in the order of sequences.
        if rest.clock_skewed == Some(true) {
            range.clock_skewed = rest.clock_skewed.take();
        }
    } else {
        range.from = rest.from.take();
        range.to = rest.to.take();
    }
    (rest, range)
}
