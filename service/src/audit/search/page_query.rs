//! The SQL of one page of a search.
//!
//! No single way to find a page is good for every word. Walking along the list's own index and
//! checking each entry for the words is fast if many entries have them. Asking the index of words
//! for all entries that have them, and sorting those, is fast if few have them. Neither engine
//! knows how many will be found (words occur together or exclude each other). So the statement
//! first walks a bounded number of entries, and only if those are not enough asks the index of
//! words:
//!
//! ```text
//! near  = those of the list's next WINDOW entries that have the words, up to a page
//! far   = a page of all entries that have the words, unless near fills the page or the list ends
//!         within WINDOW entries
//! page  = the entries in near or far, in the list's order, up to a page
//! ```

use std::cmp;

use daybook_entity::audit_log::{Column, Entity};
use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, IdenStatic, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select, Value,
    sea_query::{
        CommonTableExpression, Condition, Expr, ExprTrait, JoinType, Query, SelectStatement,
        SimpleExpr, UnionType, WithClause,
    },
};

use super::{
    FIRST_ROW_NUMBER, SEARCH_TABLE, Term,
    lookup::Lookup,
    query::{cust, fts5, tsquery},
};
use crate::page::Direction;

/// Number of entries that are walked before the index of words is asked.
const MIN_WINDOW: u64 = 5_000;
/// Number of entries that are walked for each requested entry, for larger pages.
const WINDOW_PER_REQUESTED: u64 = 25;

impl Lookup<'_> {
    /// Selects the first `limit` entries in this direction.
    pub(crate) fn select(
        &self,
        direction: Direction,
        limit: u64,
        backend: DbBackend,
    ) -> Select<Entity> {
        let words = self.filter.words();
        let sequences = if words.is_empty() {
            let mut branches = self.branches(None, backend);
            if branches.len() == 1 {
                let select = Entity::find().filter(branches.remove(0).condition);
                return self.keyset.sort(select, direction).limit(limit);
            }
            let walk = self.walk(&self.keyset.columns, direction, limit, backend);
            Query::select().column("sequence").from_subquery(walk, "walked").to_owned()
        } else {
            PageQuery { lookup: self, direction, limit, backend, words }.sequences()
        };
        let select = Entity::find()
            .filter(Column::OrganizationId.eq(self.organization_id))
            .filter(Column::Sequence.in_subquery(sequences));
        // A unary plus keeps SQLite from walking through the whole log, along the index that has
        // the order, to find these few.
        let sign = if backend == DbBackend::Postgres { "" } else { "+" };
        let columns = self.keyset.columns.iter();
        let columns = columns.map(|column| format!("{sign}audit_logs.{}", column.as_str()));
        let order = self.sort_order(direction);
        let select = columns
            .fold(select, |select, column| select.order_by(Expr::cust(column), order.clone()));
        select.limit(limit)
    }
}

/// The query for one page of a search.
pub(super) struct PageQuery<'a> {
    pub(super) lookup: &'a Lookup<'a>,
    pub(super) direction: Direction,
    pub(super) limit: u64,
    pub(super) backend: DbBackend,
    pub(super) words: Vec<Term>,
}

impl PageQuery<'_> {
    /// Selects the sequences of the page's entries, and possibly of some more.
    pub(super) fn sequences(&self) -> SelectStatement {
        let recent_window = CommonTableExpression::new()
            .query(self.recent_window())
            .table_name("recent_window")
            .to_owned();
        let mut with = WithClause::new().cte(recent_window).to_owned();
        if self.backend == DbBackend::Postgres {
            let found = CommonTableExpression::new()
                .query(self.found())
                .table_name("found")
                .materialized(true)
                .to_owned();
            with.cte(found);
        }
        let full_range = match self.backend {
            DbBackend::Postgres => self.full_range_of_found(),
            _ => self.full_range_along_index(),
        };
        let full_range =
            Query::select().column("sequence").from_subquery(full_range, "full_range").to_owned();
        Query::select()
            .column("sequence")
            .from("recent_window")
            .union(UnionType::All, full_range)
            .with_cte(with)
            .to_owned()
    }

    /// Selects the first `limit` sequences of the list, regardless of the words.
    pub(super) fn walk(&self, limit: u64) -> SelectStatement {
        match self.lookup.branches(None, self.backend).len() {
            1 => self.walk_of(&[Column::Sequence], limit),
            // What is sorted again must have the columns of the order.
            _ => self.walk_of(&self.lookup.keyset.columns, limit),
        }
    }

    fn walk_of(&self, columns: &[Column], limit: u64) -> SelectStatement {
        self.lookup.walk(columns, self.direction, limit, self.backend)
    }

    fn window(&self) -> u64 {
        cmp::max(MIN_WINDOW, self.limit.saturating_mul(WINDOW_PER_REQUESTED))
    }

    fn recent_window(&self) -> SelectStatement {
        let columns = &self.lookup.keyset.columns;
        let walk = self.walk_of(columns, self.window());
        let mut recent_window = Query::select();
        recent_window.column("sequence").from_subquery(walk, "walked").and_where(self.has_words());
        // The order of a subselect does not carry over to the outer select.
        for column in columns {
            recent_window.order_by(("walked", column.as_str()), self.order());
        }
        recent_window.limit(self.limit).to_owned()
    }

    /// Returns the condition that the row of `walked` has all words, which reads the row's one
    /// entry in the index of words.
    pub(super) fn has_words(&self) -> SimpleExpr {
        let organization_id = self.lookup.organization_id;
        if self.backend == DbBackend::Postgres {
            let sql = "(SELECT s.words @@ CAST(? AS tsquery) FROM audit_log_search AS s
                WHERE s.organization_id = ? AND s.sequence = walked.sequence)";
            let query = tsquery(organization_id, &self.words);
            return cust(sql, [query, organization_id.into()], self.backend);
        }
        // Reads the table in which FTS5 keeps the text: asking FTS5 itself for one row would cost a
        // search each time.
        let has = vec!["instr(s.c0, ?)"; self.words.len()].join(" AND ");
        let sql = format!(
            "(SELECT {has} FROM audit_log_search_content AS s WHERE s.id = walked.sequence + {FIRST_ROW_NUMBER})"
        );
        let words = self.words.iter().map(|Term { word, is_prefix }| {
            let end = if *is_prefix { "" } else { " " };
            Value::from(format!(" {word}{end}"))
        });
        cust(&sql, words.chain([organization_id.into()]), self.backend)
    }

    /// Returns the condition that `near` does not suffice: it is not a whole page, and the list
    /// goes on.
    fn is_full_range_needed(&self) -> Condition {
        let last = self.walk(self.window()).limit(1).offset(self.window() - 1).to_owned();
        Condition::all()
            .add(Expr::cust(format!("(SELECT count(*) FROM recent_window) < {}", self.limit)))
            .add(Expr::exists(last))
    }

    /// Selects what the index of words finds, before any order. The planner underestimates how much
    /// a search finds, so it is left no choice but this index.
    fn found(&self) -> SelectStatement {
        Query::select()
            .columns(["sequence", "timestamp"])
            .from(SEARCH_TABLE)
            .cond_where(self.is_full_range_needed())
            .cond_where(self.lookup.found(&self.words, self.backend))
            .to_owned()
    }

    fn full_range_of_found(&self) -> SelectStatement {
        if !self.lookup.filter.is_search_only() {
            let full_range = Entity::find().select_only().column(Column::Sequence);
            let full_range = full_range.filter(self.lookup.condition(self.backend));
            let full_range = self.lookup.keyset.sort(full_range, self.direction);
            let full_range = full_range.limit(self.limit).into_query();
            let on = Expr::col(("found", "sequence")).equals(("audit_logs", "sequence"));
            return full_range.clone().join(JoinType::InnerJoin, "found", on).to_owned();
        }
        // The rows found have all columns of the order and the keys, and stand in for the log.
        let mut full_range = Query::select();
        full_range.column(("audit_logs", "sequence")).from_as("found", "audit_logs");
        for condition in self.lookup.beyond() {
            full_range.and_where(condition);
        }
        for column in &self.lookup.keyset.columns {
            full_range.order_by(("audit_logs", column.as_str()), self.order());
        }
        full_range.limit(self.limit).to_owned()
    }

    /// Selects a page along the index. FTS5 returns its rows in the order of their numbers, so that
    /// in the log's own order it need not find more than a page.
    fn full_range_along_index(&self) -> SelectStatement {
        let organization_id = self.lookup.organization_id;
        let sequence = cust(
            &format!("audit_logs.sequence = audit_log_search.rowid - {FIRST_ROW_NUMBER}"),
            [organization_id.into()],
            self.backend,
        );
        // In a CASE, a condition leads SQLite to no index but that of the entry's key.
        let is_wanted = Expr::case(self.lookup.condition(self.backend), true).finally(false);
        // A separate condition would be evaluated only after the search. A query without words
        // matches nothing.
        let words = Expr::case(self.is_full_range_needed(), fts5(&self.words)).finally("\"\"");
        let is_own = Column::OrganizationId.eq(organization_id);
        let mut full_range = Query::select();
        full_range
            .column(("audit_logs", "sequence"))
            .from(SEARCH_TABLE)
            // Joined in this order: SQLite does not reorder a cross join.
            .join(JoinType::CrossJoin, "audit_logs", Condition::all())
            .cond_where(self.lookup.matching(words.into(), self.backend))
            .and_where(is_own)
            .and_where(sequence)
            .and_where(is_wanted.into());
        if self.lookup.is_ordered_by_sequence() {
            full_range.order_by((SEARCH_TABLE, "rowid"), self.order());
        } else {
            for column in &self.lookup.keyset.columns {
                full_range.order_by(("audit_logs", column.as_str()), self.order());
            }
        }
        full_range.limit(self.limit).to_owned()
    }

    fn order(&self) -> Order {
        self.lookup.sort_order(self.direction)
    }
}
