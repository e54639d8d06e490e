//! Looking up entries: the SQL of a part of a list, with or without a search, and of its length.

use std::cmp;

use daybook_entity::audit_log::{Column, Entity};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, Order, PaginatorTrait,
    QueryFilter, QuerySelect, QueryTrait,
    sea_query::{
        Asterisk, CommonTableExpression, Expr, ExprTrait, JoinType, Query, SelectStatement,
        SimpleExpr, UnionType, WithClause,
    },
};
use uuid::Uuid;

use super::{
    FIRST_ROW_NUMBER, SEARCH_TABLE, SEQUENCES, Term,
    query::{cust, fts5, tsquery},
};
use crate::{
    audit::{
        Filter,
        filter::{Branch, RelatedPage, Translation, branches, condition, sides},
    },
    page::{self, Direction, Keyset, Part},
};

/// A part of a list: the entries that pass a filter, between keys.
#[derive(Clone)]
pub(crate) struct Lookup<'a> {
    /// The organization to which the log belongs.
    pub(in crate::audit) organization_id: Uuid,
    /// The filter that entries must pass.
    pub(in crate::audit) filter: Filter,
    /// The keys that define the list's order.
    pub(in crate::audit) keyset: &'a Keyset<Entity>,
    /// Keys beyond which the part lies, each with its direction.
    pub(in crate::audit) keys: Vec<(Vec<Part>, Direction)>,
    /// The last sequence that may be included, if bounded.
    pub(in crate::audit) through: Option<i64>,
    /// The sequence through which entries were removed; 0 if the part meets no removed entries.
    pub(in crate::audit) pruned: i64,
}

/// Runs a statement, and returns the number that it gives as `count`.
pub(in crate::audit) async fn count_of<C: ConnectionTrait>(
    db: &C,
    statement: &SelectStatement,
) -> Result<u64, DbErr> {
    let row = db.query_one(statement).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("a count".to_owned()))?;
    let count: i64 = row.try_get("", "count")?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Joins the selects of entries that may have some in common, each with a limit and an order of its
/// own.
pub(in crate::audit) fn union(mut selects: Vec<SelectStatement>) -> SelectStatement {
    if selects.len() == 1 {
        return selects.remove(0);
    }
    let whole = selects
        .into_iter()
        .map(|select| Query::select().column(Asterisk).from_subquery(select, "branch").to_owned());
    whole
        .reduce(|mut all, next| all.union(UnionType::Distinct, next).to_owned())
        .expect("a filter has at least one branch")
}

impl Lookup<'_> {
    /// Counts the entries.
    pub(crate) async fn count<C: ConnectionTrait>(&self, db: &C) -> Result<u64, DbErr> {
        let (words, backend) = (self.filter.words(), db.get_database_backend());
        if !words.is_empty() {
            return count_of(db, &self.count_of_found(&words, backend)).await;
        }
        let sides = sides(&self.filter, self.translation(backend));
        if let [side] = &sides[..] {
            return Entity::find().filter(self.within(side.clone())).count(db).await;
        }
        let counts = sides.into_iter().map(|side| {
            let entries = Entity::find().select_only().column(Column::Sequence);
            entries.filter(self.within(side)).into_query()
        });
        let entries = counts.reduce(|mut all, next| all.union(UnionType::All, next).to_owned());
        let Some(entries) = entries else { return Ok(0) };
        let count = Query::select()
            .expr_as(Expr::col(Asterisk).count(), "count")
            .from_subquery(entries, "entries")
            .to_owned();
        count_of(db, &count).await
    }

    /// Returns the alternatives of the part that one index each serves, and an entry of the part
    /// meets at least one of them.
    /// The limit is that of a page in the list's order; none if more of each are needed.
    pub(in crate::audit) fn branches(
        &self,
        page: Option<(Direction, u64)>,
        backend: DbBackend,
    ) -> Vec<Branch> {
        let order = page.filter(|_| self.is_ordered_by_sequence());
        let order = order.map(|(direction, limit)| (self.keyset.towards(direction), limit));
        let page = RelatedPage { range: self.range(), order };
        let branches = branches(&self.filter, self.translation(backend), page);
        let within = |branch: Branch| Branch { condition: self.within(branch.condition), ..branch };
        branches.into_iter().map(within).collect()
    }

    /// Selects columns of the first `limit` entries, regardless of the words.
    pub(in crate::audit) fn walk(
        &self,
        columns: &[Column],
        direction: Direction,
        limit: u64,
        backend: DbBackend,
    ) -> SelectStatement {
        let walk = |Branch { condition, is_looked_up }: Branch| {
            let walk = Entity::find().select_only().columns(columns.iter().copied());
            let walk = walk.filter(condition);
            if is_looked_up && !self.is_ordered_by_sequence() {
                return walk.into_query();
            }
            self.keyset.sort(walk, direction).limit(limit).into_query()
        };
        let branches = self.branches(Some((direction, limit)), backend);
        let mut walks: Vec<_> = branches.into_iter().map(walk).collect();
        if walks.len() == 1 {
            return walks.remove(0);
        }
        let mut walk = Query::select();
        walk.columns(columns.iter().map(|column| (Entity, *column)));
        walk.from_subquery(union(walks), Entity);
        for column in &self.keyset.columns {
            walk.order_by((Entity, *column), self.sort_order(direction));
        }
        walk.limit(limit).to_owned()
    }

    /// Returns the order in which a part is read in this direction.
    pub(in crate::audit) fn sort_order(&self, direction: Direction) -> Order {
        match self.keyset.towards(direction) {
            page::Order::Ascending => Order::Asc,
            page::Order::Descending => Order::Desc,
        }
    }

    /// Counts the entries that have all of `words`.
    pub(in crate::audit) fn count_of_found(
        &self,
        words: &[Term],
        backend: DbBackend,
    ) -> SelectStatement {
        // The index alone suffices for the most common count.
        if self.filter.is_search_only() && (self.keys.is_empty() || self.is_ordered_by_sequence()) {
            return Query::select()
                .expr_as(Expr::cust("count(*)"), "count")
                .from(SEARCH_TABLE)
                .cond_where(self.found(words, backend))
                .to_owned();
        }
        Query::select()
            .expr_as(Expr::col(Asterisk).count(), "count")
            .from_subquery(self.all_found(Expr::val(1), words, backend), "found")
            .to_owned()
    }

    /// Selects `expression`, as `found`, of each entry that has these words. The index of words
    /// comes first, then each entry by its key: a condition in a CASE leads neither engine to
    /// another index. Without statistics, PostgreSQL would otherwise search once for each entry of
    /// a range.
    pub(super) fn all_found(
        &self,
        expression: SimpleExpr,
        words: &[Term],
        backend: DbBackend,
    ) -> SelectStatement {
        let sequence = match backend {
            DbBackend::Postgres => Expr::col("sequence"),
            _ => {
                cust(&format!("rowid - {FIRST_ROW_NUMBER}"), [self.organization_id.into()], backend)
            }
        };
        let index = Query::select()
            .expr_as(sequence, "sequence")
            .from(SEARCH_TABLE)
            .cond_where(self.found(words, backend))
            .to_owned();
        let index = CommonTableExpression::new()
            .query(index)
            .table_name("indexed")
            .materialized(true)
            .to_owned();
        let is_wanted = Expr::case(self.condition(backend), true).finally(false);
        Query::select()
            .expr_as(expression, "found")
            .from("indexed")
            // Joined in this order: SQLite does not reorder a cross join.
            .join(JoinType::CrossJoin, "audit_logs", Condition::all())
            .and_where(Column::OrganizationId.eq(self.organization_id))
            .and_where(Expr::col(("audit_logs", "sequence")).equals(("indexed", "sequence")))
            .and_where(is_wanted.into())
            .with_cte(WithClause::new().cte(index).to_owned())
            .to_owned()
    }

    /// Selects the rows of the index of words that have all of `words`.
    pub(super) fn found(&self, words: &[Term], backend: DbBackend) -> Condition {
        let query = match backend {
            DbBackend::Postgres => tsquery(self.organization_id, words),
            _ => fts5(words),
        };
        self.matching(Expr::val(query), backend)
    }

    /// Selects the rows of the index of words that match `query`.
    pub(super) fn matching(&self, query: SimpleExpr, backend: DbBackend) -> Condition {
        let organization_id = self.organization_id;
        let (first, last) = self.range();
        let condition = Condition::all();
        if backend == DbBackend::Postgres {
            return condition
                .add(Expr::col("organization_id").eq(organization_id))
                .add(Expr::col("sequence").between(first, last))
                .add(Expr::cust_with_expr("words @@ CAST($1 AS tsquery)", query));
        }
        let bound = |comparison: &str, sequence: i64| {
            let sql =
                format!("audit_log_search.rowid {comparison} {FIRST_ROW_NUMBER} + {sequence}");
            cust(&sql, [organization_id.into()], backend)
        };
        condition
            .add(Expr::cust_with_expr("audit_log_search MATCH ?", query))
            .add(bound(">=", first))
            .add(bound("<=", last))
    }

    /// Returns all conditions but the words.
    pub(in crate::audit) fn condition(&self, backend: DbBackend) -> Condition {
        self.within(condition(&self.filter, self.translation(backend)))
    }

    pub(in crate::audit) fn translation(&self, backend: DbBackend) -> Translation {
        Translation { organization_id: self.organization_id, backend }
    }

    /// Restricts `condition` to the bounds of the part.
    fn within(&self, condition: Condition) -> Condition {
        let through = self.through.map(|through| Column::Sequence.lte(through));
        // Until the table is vacuumed, the index still leads to removed entries.
        let kept = (self.pruned > 0).then(|| Column::Sequence.gt(self.pruned));
        let condition = condition.add_option(through).add_option(kept);
        self.beyond().into_iter().fold(condition, Condition::add)
    }

    pub(super) fn beyond(&self) -> Vec<SimpleExpr> {
        let beyond = |(key, towards): &(Vec<Part>, _)| self.keyset.beyond(key.clone(), *towards);
        self.keys.iter().map(beyond).collect()
    }

    /// True if the list is in the order of sequences.
    pub(super) fn is_ordered_by_sequence(&self) -> bool {
        matches!(self.keyset.columns[..], [Column::Sequence])
    }

    /// True if the part is read from the first entry of the log on.
    pub(in crate::audit) fn begins_at_start(&self, direction: Direction) -> bool {
        let rises = |towards| self.keyset.towards(towards) == page::Order::Ascending;
        self.is_ordered_by_sequence()
            && rises(direction)
            && !self.keys.iter().any(|(_, towards)| rises(*towards))
    }

    /// Returns the first and the last sequence that the part may contain.
    fn range(&self) -> (i64, i64) {
        let Filter { sequence_from, sequence_to, .. } = self.filter;
        let mut first =
            cmp::max(self.pruned + 1, cmp::min(sequence_from.unwrap_or(1), SEQUENCES + 1));
        let through = [self.through, sequence_to].into_iter().flatten();
        let mut last = cmp::max(through.fold(SEQUENCES, cmp::min), 0);
        for (key, towards) in &self.keys {
            if let (true, [Part::Number(sequence)]) = (self.is_ordered_by_sequence(), &key[..]) {
                match self.keyset.towards(*towards) {
                    page::Order::Ascending => first = cmp::max(first, sequence.saturating_add(1)),
                    page::Order::Descending => last = cmp::min(last, sequence.saturating_sub(1)),
                }
            }
        }
        (first, last)
    }
}
