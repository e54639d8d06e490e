//! The rule that a statement names the organization wherever it uses a tenant table.

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::{
    ast::{
        BinaryOperator, CopySource, Delete, Expr, FromTable, Insert, Join, JoinConstraint,
        JoinOperator, Select, Statement, TableFactor, TableObject, TableWithJoins, Update,
        UpdateTableFromKind, Visit, Visitor,
    },
    dialect::PostgreSqlDialect,
    parser::{Parser, ParserError},
};

const KEY: &str = "organization_id";

/// Tenant tables that a statement uses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Uses {
    /// Tables that are used with a condition on the organization.
    pub(super) with: BTreeSet<String>,
    /// Tables that are used without a condition on the organization.
    pub(super) without: BTreeSet<String>,
}

/// Returns how `sql` uses the tables in `tenants`.
pub(super) fn uses(sql: &str, tenants: &BTreeSet<String>) -> Result<Uses, ParserError> {
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql)?;
    let mut look = Look { tenants, uses: Uses::default() };
    for statement in &statements {
        let _: ControlFlow<()> = statement.visit(&mut look);
    }
    Ok(look.uses)
}

/// Looks at every level of a statement: each binds what it reads, by itself.
struct Look<'a> {
    tenants: &'a BTreeSet<String>,
    uses: Uses,
}

impl Visitor for Look<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.level(&select.from, select.selection.as_ref());
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        match statement {
            Statement::Update(Update { table, from, selection, .. }) => {
                let mut tables = vec![table.clone()];
                if let Some(
                    UpdateTableFromKind::BeforeSet(more) | UpdateTableFromKind::AfterSet(more),
                ) = from
                {
                    tables.extend(more.iter().cloned());
                }
                self.level(&tables, selection.as_ref());
            }
            Statement::Delete(Delete { from, using, selection, .. }) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = from;
                let tables = [from.as_slice(), using.as_deref().unwrap_or_default()].concat();
                self.level(&tables, selection.as_ref());
            }
            Statement::Insert(Insert { table: TableObject::TableName(table), columns, .. }) => {
                let has_key = columns.iter().any(|column| name(&column.to_string()) == KEY);
                self.note(&table.to_string(), has_key);
            }
            Statement::Copy { source: CopySource::Table { table_name, columns }, to, .. } => {
                let has_key = !to && columns.iter().any(|column| column.value == KEY);
                self.note(&table_name.to_string(), has_key);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Look<'_> {
    fn note(&mut self, table: &str, has_key: bool) {
        let table = name(table);
        if self.tenants.contains(&table) {
            let uses = if has_key { &mut self.uses.with } else { &mut self.uses.without };
            uses.insert(table);
        }
    }

    fn level(&mut self, tables: &[TableWithJoins], selection: Option<&Expr>) {
        let mut level = Level { conditions: selection.into_iter().collect(), ..Level::default() };
        tables.iter().for_each(|table| level.add(table));
        let is_tenant = |table: &str| self.tenants.contains(table);
        let (tenants, others): (Vec<_>, Vec<_>) =
            level.relations.iter().partition(|(table, _)| is_tenant(table));
        // What is no tenant's table is bound in a level of its own, or has nothing to be bound.
        let mut bound: BTreeSet<_> = others.into_iter().map(|(_, alias)| alias.clone()).collect();
        let aliases: BTreeSet<_> = level.relations.iter().map(|(_, alias)| alias.clone()).collect();
        loop {
            let next = tenants.iter().find(|(_, alias)| {
                let scope = Scope { alias, is_alone: tenants.len() == 1, aliases: &aliases };
                !bound.contains(alias)
                    && level.conditions.iter().any(|condition| scope.binds(condition, &bound))
            });
            let Some((_, alias)) = next else { break };
            bound.insert(alias.clone());
        }
        let tenants: Vec<_> = tenants.into_iter().cloned().collect();
        for (table, alias) in tenants {
            self.note(&table, bound.contains(&alias));
        }
    }
}

/// The tables of one level of a statement, by name and alias, and what is asked of them all.
#[derive(Default)]
struct Level<'a> {
    relations: Vec<(String, String)>,
    conditions: Vec<&'a Expr>,
}

impl<'a> Level<'a> {
    fn add(&mut self, table: &'a TableWithJoins) {
        self.add_factor(&table.relation);
        for Join { relation, join_operator, .. } in &table.joins {
            self.add_factor(relation);
            if let JoinOperator::Join(on)
            | JoinOperator::Inner(on)
            | JoinOperator::LeftOuter(on)
            | JoinOperator::Left(on) = join_operator
                && let JoinConstraint::On(condition) = on
            {
                self.conditions.push(condition);
            }
        }
    }

    fn add_factor(&mut self, factor: &'a TableFactor) {
        match factor {
            TableFactor::Table { name: table, alias, args: None, .. } => {
                let table = name(&table.to_string());
                let alias = alias.as_ref().map_or_else(|| table.clone(), |a| a.name.value.clone());
                self.relations.push((table, alias));
            }
            TableFactor::NestedJoin { table_with_joins, .. } => self.add(table_with_joins),
            // What has no name can't be taken for a tenant's table.
            other => {
                let text = other.to_string();
                let alias = text.rsplit(' ').next().unwrap_or_default();
                self.relations.push((String::new(), name(alias)));
            }
        }
    }
}

/// Names by which the columns of one table are recognized.
struct Scope<'a> {
    alias: &'a str,
    is_alone: bool,
    aliases: &'a BTreeSet<String>,
}

impl Scope<'_> {
    /// True if a condition passes only rows of an organization that is given from elsewhere.
    fn binds(&self, condition: &Expr, bound: &BTreeSet<String>) -> bool {
        let binds = |condition: &Expr| self.binds(condition, bound);
        match condition {
            Expr::Nested(inner) => binds(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => binds(left) || binds(right),
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => binds(left) && binds(right),
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                self.has_key(left) && self.is_given(right, bound)
                    || self.has_key(right) && self.is_given(left, bound)
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, .. } => self.has_key(left),
            Expr::In { expr, negated: false, .. } => self.has_key(expr),
            _ => false,
        }
    }

    /// True if the expression is this table's organization column, or a tuple that contains it.
    fn has_key(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Tuple(parts) => parts.iter().any(|part| self.has_key(part)),
            _ => column(expr).is_some_and(|(alias, column)| {
                column == KEY && alias.map_or(self.is_alone, |alias| alias == self.alias)
            }),
        }
    }

    /// True if the expression is not a column of a table at this level that is still unbound.
    fn is_given(&self, expr: &Expr, bound: &BTreeSet<String>) -> bool {
        match column(expr) {
            Some((Some(alias), _)) => !self.aliases.contains(&alias) || bound.contains(&alias),
            Some((None, _)) => false,
            None => true,
        }
    }
}

fn column(expr: &Expr) -> Option<(Option<String>, String)> {
    match expr {
        Expr::Identifier(column) => Some((None, column.value.clone())),
        Expr::CompoundIdentifier(parts) => {
            let (column, above) = parts.split_last()?;
            Some((above.last().map(|alias| alias.value.clone()), column.value.clone()))
        }
        _ => None,
    }
}

/// A name without quotation marks and schema; those of a trial restore keep theirs.
fn name(text: &str) -> String {
    let text = text.replace('"', "");
    let is_own = !text.starts_with("pg_temp.");
    text.rsplit('.').next().filter(|_| is_own).unwrap_or(&text).to_owned()
}

#[test]
fn statements_without_the_organization_are_found() {
    let tenants = ["jobs", "notes"].map(str::to_owned).into();
    for sql in [
        "SELECT * FROM jobs WHERE organization_id = $1 AND id = $2",
        "SELECT * FROM jobs WHERE (organization_id, id) IN (($1, $2))",
        "SELECT * FROM notes JOIN jobs AS j ON j.organization_id = notes.organization_id
         WHERE notes.organization_id = $1",
        "SELECT 1 FROM (SELECT $1::uuid AS organization_id) AS o
         JOIN jobs ON jobs.organization_id = o.organization_id",
        "INSERT INTO jobs (organization_id, id) VALUES ($1, $2)",
        "UPDATE jobs SET state = $1 WHERE organization_id = $2 OR (organization_id = $3 AND id = $4)",
        "COPY (SELECT id FROM jobs WHERE organization_id = '1') TO STDOUT (FORMAT binary)",
    ] {
        assert!(uses(sql, &tenants).unwrap().without.is_empty(), "{sql}");
    }
    for sql in [
        "SELECT * FROM jobs WHERE id = $2",
        "SELECT * FROM jobs WHERE organization_id > $1",
        "SELECT * FROM jobs WHERE organization_id = $1 OR id = $2",
        "SELECT * FROM notes, jobs WHERE jobs.organization_id = notes.organization_id",
        "SELECT * FROM notes JOIN jobs ON notes.id = jobs.id WHERE jobs.organization_id = $1",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM jobs)",
        "WITH gone AS (DELETE FROM notes RETURNING id) SELECT * FROM gone",
        "INSERT INTO jobs (id) SELECT id FROM notes WHERE organization_id = $1",
        "COPY jobs (organization_id, id) TO STDOUT",
    ] {
        assert!(!uses(sql, &tenants).unwrap().without.is_empty(), "{sql}");
    }
}
