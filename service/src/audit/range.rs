//! Pages of a range of one column in the order of another, which no index has.
//!
//! Two ways lead to such a page: along the list's order, past all that the range excludes, and along the
//! range's own index, through all that it includes, which is then sorted. Which is the shorter one depends
//! on where in the log the range lies. No planner knows: times and sequences grow together, and it takes
//! them to have nothing to do with each other. So each way is tried for a bounded number of entries, and
//! where neither led to the page, both for more:
//!
//! ```text
//! far   = all that the range includes, if that is little: what the page is of
//! near  = of the list's next entries those in the range: the page, if they are one
//! ```
//!
//! What is read is so in proportion to the shorter one.

use std::cmp;

use daybook_entity::audit_log::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, Order, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select, Statement,
    sea_query::{Asterisk, Expr, ExprTrait, Query, SelectStatement},
};

use super::{
    Filter,
    list::head_sequence,
    search::{Lookup, count_of},
};
use crate::{
    Result,
    page::{self, Direction},
};

/// Entries of a range that are sorted at first.
const INCLUDED: u64 = 1_000;
/// Entries that are walked at first.
const WINDOW: u64 = 5_000;
/// How many times as much is tried each time.
const GROWTH: u64 = 4;

/// A page of a range.
#[derive(Clone)]
pub(super) struct Ranged<'a> {
    /// Without the range.
    rest: Lookup<'a>,
    /// With it.
    whole: &'a Lookup<'a>,
    range: Filter,
    direction: Direction,
    limit: u64,
}

impl<'a> Ranged<'a> {
    /// The first `limit` entries of `lookup` in this direction; none where an index has them in order.
    pub(super) fn of(lookup: &'a Lookup<'a>, direction: Direction, limit: u64) -> Option<Self> {
        let (rest, range) = split(&lookup.filter, lookup.keyset.columns[0]);
        if range == Filter::default() || lookup.filter.search.is_some() {
            return None;
        }
        let rest = Lookup { filter: rest, ..lookup.clone() };
        Some(Self { rest, whole: lookup, range, direction, limit })
    }

    /// Reads it.
    ///
    /// # Errors
    /// A database fault.
    pub(super) async fn read<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<Model>> {
        let (mut included, mut window) = (INCLUDED, cmp::max(WINDOW, self.limit));
        // What is recorded between a count and the page of what was counted would be one too many.
        let through = head_sequence(db, self.whole.organization_id).await?;
        loop {
            if count_of(db, &self.count(included, through)).await? <= included {
                return Ok(self.far(included, through).all(db).await?);
            }
            let near = self.near(window).all(db).await?;
            if near.len() as u64 == self.limit {
                return Ok(near);
            }
            window = window.saturating_mul(GROWTH);
            included = window;
        }
    }

    /// The statements that this may come to, in order, for whoever wants to see how the database runs
    /// them: the counts and walks of two rounds, and the page of all.
    pub(super) fn statements(&self, backend: DbBackend) -> Vec<Statement> {
        let (more, through) = (WINDOW * GROWTH, i64::MAX);
        vec![
            backend.build(&self.count(INCLUDED, through)),
            self.near(WINDOW).build(backend),
            backend.build(&self.count(more, through)),
            self.far(more, through).build(backend),
        ]
    }

    /// Of the list's next entries those in the range, up to a page.
    fn near(&self, window: u64) -> Select<Entity> {
        let walk = Entity::find().select_only().columns([
            Column::OrganizationId,
            Column::Sequence,
            Column::Timestamp,
            Column::Action,
        ]);
        let walk = walk.filter(self.rest.condition());
        let walk = self.whole.keyset.sort(walk, self.direction).limit(window);
        let mut near = Query::select();
        near.column("sequence")
            .from_subquery(walk.into_query(), Entity)
            .cond_where(self.range.condition(self.whole.organization_id));
        self.entries(self.first_of(near))
    }

    /// A page of all that is in the range.
    fn far(&self, included: u64, through: i64) -> Select<Entity> {
        let mut far = Query::select();
        far.column("sequence").from_subquery(self.all(included, through), Entity);
        self.entries(self.first_of(far))
    }

    /// Cuts a select of a subselect to a page. The order of a subselect isn't that of what is selected from
    /// it: SQLite reads one by an index of its own making where that looks shorter.
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

    /// How many are in the range; one more than `included` where they are more.
    fn count(&self, included: u64, through: i64) -> SelectStatement {
        let all = self.all(included + 1, through);
        Query::select()
            .expr_as(Expr::col(Asterisk).count(), "count")
            .from_subquery(all, Entity)
            .to_owned()
    }

    /// The range up to a sequence, along its own index: a sign keeps the planner from the sequence's.
    fn all(&self, limit: u64, through: i64) -> SelectStatement {
        let mut columns = self.whole.keyset.columns.clone();
        let own = if self.range.has_times() { Column::Timestamp } else { Column::Action };
        let all = Entity::find().select_only().columns(columns.clone());
        columns.insert(0, own);
        let all = all.filter(self.whole.condition());
        let all = all.filter(Expr::cust(format!("+audit_logs.sequence <= {through}")));
        let all = columns.into_iter().fold(all, QueryOrder::order_by_asc);
        all.limit(limit).into_query()
    }

    fn entries(&self, sequences: SelectStatement) -> Select<Entity> {
        let entries = Entity::find()
            .filter(Column::OrganizationId.eq(self.whole.organization_id))
            .filter(Column::Sequence.in_subquery(sequences));
        self.whole.keyset.sort(entries, self.direction).limit(self.limit)
    }
}

/// `filter` without what is a range that has no index in the order of `first`, and that range.
fn split(filter: &Filter, first: Column) -> (Filter, Filter) {
    let (mut rest, mut range) = (filter.clone(), Filter::default());
    if rest.action.as_ref().is_some_and(|action| action.ends_with('*')) {
        range.action = rest.action.take();
    }
    if !matches!(first, Column::Timestamp) {
        range.from = rest.from.take();
        range.to = rest.to.take();
    }
    (rest, range)
}
