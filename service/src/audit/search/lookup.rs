//! Looking up entries: the SQL of a part of a list, with or without a search, and of its length.

use std::cmp;

use daybook_entity::audit_log::{Column, Entity};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter,
    sea_query::{
        Asterisk, CommonTableExpression, Expr, ExprTrait, JoinType, Query, SelectStatement,
        SimpleExpr, WithClause,
    },
};
use uuid::Uuid;

use super::{
    FIRST_ROW_NUMBER, SEARCH_TABLE, SEQUENCES, Term,
    query::{cust, fts5, tsquery},
};
use crate::{
    audit::Filter,
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

impl Lookup<'_> {
    /// Counts the entries.
    pub(crate) async fn count<C: ConnectionTrait>(&self, db: &C) -> Result<u64, DbErr> {
        let words = self.filter.words();
        if words.is_empty() {
            return Entity::find().filter(self.condition()).count(db).await;
        }
        count_of(db, &self.count_of_found(&words, db.get_database_backend())).await
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
        let is_wanted = Expr::case(self.condition(), true).finally(false);
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
    pub(in crate::audit) fn condition(&self) -> Condition {
        let through = self.through.map(|through| Column::Sequence.lte(through));
        // Until the table is vacuumed, the index still leads to removed entries.
        let kept = (self.pruned > 0).then(|| Column::Sequence.gt(self.pruned));
        let condition = self.filter.condition(self.organization_id);
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
        let (mut first, mut last) =
            (self.pruned + 1, cmp::min(self.through.unwrap_or(SEQUENCES), SEQUENCES));
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
