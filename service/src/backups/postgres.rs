//! PostgreSQL: reads and writes rows by COPY, whose text is the canonical form.
//!
//! A connection that copies is never returned to its pool: if the work stops halfway, the next user
//! of the connection would have to read the remaining rows.

pub(super) mod dump;
pub(super) mod fill;
mod schema;

use futures::TryStreamExt;
use sea_orm::DatabaseConnection;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, pool::PoolConnection};

use super::{
    TableDigest,
    tables::{Rows, Table},
};
use crate::{Engine, Fault, Result};

/// Statements for the settings that COPY's text depends on.
const SETTINGS: &str = "SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET bytea_output = 'hex'; \
    SET client_encoding = 'UTF8'; SET client_min_messages = 'warning'; ";

/// Acquires a connection from the pool, set up for copying and closed when dropped.
async fn connection(db: &DatabaseConnection) -> Result<PoolConnection<Postgres>> {
    let mut connection = db.get_postgres_connection_pool().acquire().await.map_err(fault)?;
    connection.close_on_drop();
    run(&mut connection, SETTINGS).await?;
    Ok(connection)
}

/// Runs statements that Daybook itself composed.
async fn run(connection: &mut PgConnection, sql: &str) -> Result<()> {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(connection).await.map_err(fault)?;
    Ok(())
}

/// Returns the statement that copies a table's rows out; `schema` ends in a dot or is empty.
fn copy_out(schema: &str, table: &Table, rows: Rows) -> String {
    let (names, table) = (table.column_names(), table.name);
    match rows {
        // A plain COPY bypasses the executor.
        Rows::All => format!("COPY {schema}{table} ({names}) TO STDOUT"),
        Rows::Of(..) => {
            let condition = rows.condition(Engine::Postgres);
            format!("COPY (SELECT {names} FROM {schema}{table}{condition}) TO STDOUT")
        }
    }
}

/// Computes the digest of the selected rows of a table; `schema` ends in a dot or is empty.
async fn digest(
    connection: &mut PgConnection,
    schema: &str,
    (table, rows): (&Table, Rows),
) -> Result<TableDigest> {
    let mut digest = TableDigest::default();
    let copy = copy_out(schema, table, rows);
    let mut lines = connection.copy_out_raw(&copy).await.map_err(fault)?;
    while let Some(line) = lines.try_next().await.map_err(fault)? {
        digest.add(without_end(&line)?);
        tokio::task::coop::consume_budget().await;
    }
    Ok(digest)
}

/// Returns a row of COPY without its line break. The server sends one row per message.
fn without_end(message: &[u8]) -> Result<&[u8]> {
    let line = message.strip_suffix(b"\n");
    Ok(line.ok_or_else(|| Fault::decode("an answer to COPY", "it is not one row"))?)
}

/// Converts an error from PostgreSQL. A full disk (SQLSTATE 53100) becomes an I/O fault rather than
/// a database fault.
fn fault(error: sqlx::Error) -> crate::Error {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let is_full = code.is_some_and(|code| code == "53100");
    if is_full {
        let source = std::io::Error::new(std::io::ErrorKind::StorageFull, error);
        return Fault::Io { context: "PostgreSQL".to_owned(), source }.into();
    }
    Fault::from(error).into()
}
