//! Single values that a database reports.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::Result;

/// Returns a setting of PostgreSQL.
pub(crate) async fn setting(db: &impl ConnectionTrait, name: &str) -> Result<String> {
    value(db, &format!("SELECT current_setting('{name}') AS value")).await
}

/// Returns the text in the column `value` of a statement's first row.
pub(crate) async fn value(db: &impl ConnectionTrait, sql: &str) -> Result<String> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound(format!("no answer to {sql}")))?;
    Ok(row.try_get("", "value")?)
}
