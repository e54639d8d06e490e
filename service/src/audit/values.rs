//! Distinct values of a column, as suggestions for a filter.

use sea_orm::{ConnectionTrait, Statement};

use super::filter::after_prefix;
use crate::{Error, Permission, Result, Scope, input, workload};

/// Maximum number of values that one request returns.
pub const MAX_VALUES: usize = 100;

/// A column with few enough distinct values to suggest them.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Facet {
    /// The action, such as `device.assign`.
    Action,
    /// The kind of resource.
    ResourceType,
}

impl Facet {
    fn column(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::ResourceType => "resource_type",
        }
    }
}

/// Returns the first `most` distinct values of a column that begin with `prefix`, in byte order.
///
/// Uses a loose index scan: one step in an index for each value, however many entries have that
/// value.
///
/// # Errors
/// A prefix or number that can't be used; a database fault.
pub async fn values(scope: &Scope, facet: Facet, prefix: &str, most: usize) -> Result<Vec<String>> {
    scope.require(Permission::ReadAuditLog)?;
    if !(1..=MAX_VALUES).contains(&most) {
        return Err(Error::invalid(&["first"], format!("must be from 1 to {MAX_VALUES}")));
    }
    input::check_text(prefix, &["prefix"])?;
    if facet == Facet::Action && prefix.contains('*') {
        let message = "must not contain `*`: all that begin with the prefix are found without it";
        return Err(Error::invalid(&["prefix"], message));
    }
    let column = facet.column();
    let next = |comparison: &str| {
        format!(
            "(SELECT {column} FROM audit_logs WHERE organization_id = $1 AND {column} {comparison} \
             ORDER BY {column} LIMIT 1)"
        )
    };
    let (first, following) = (next(">= $2"), next("> found.value"));
    let sql = format!(
        "WITH RECURSIVE found (value, number) AS (\
             SELECT {first}, 1 UNION ALL \
             SELECT {following}, number + 1 FROM found WHERE value IS NOT NULL AND number < $3\
         ) SELECT value FROM found WHERE value IS NOT NULL ORDER BY number"
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let values = [scope.organization_id().into(), prefix.into(), most.into()];
    let backend = scope.core().db.reader().get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let rows = scope.read(&statement, |db, statement| {
        Box::pin(async move { Ok(db.query_all_raw(statement.clone()).await?) })
    });
    let end = after_prefix(prefix);
    let mut found = Vec::new();
    for row in workload::scan(rows).await? {
        let value: String = row.try_get_by_index(0)?;
        if end.as_ref().is_some_and(|end| value >= *end) {
            break;
        }
        found.push(value);
    }
    Ok(found)
}
