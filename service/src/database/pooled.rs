//! Connections through a pooler such as PgBouncer in transaction mode.
//!
//! Behind such a pooler, a connection may have another server session in each transaction, so
//! nothing of a session lasts: no startup options, no earlier prepared statements. Even one
//! statement outside of a transaction can meet two sessions, since sqlx prepares it in one round
//! trip and runs it in the next. So a connection for reading is lent inside a transaction, and no
//! statement is prepared for later. Removing leftover prepared statements is the pooler's task
//! (`server_reset_query`, see README.md).

use std::str::FromStr;

use sqlx::{
    AssertSqlSafe, Executor, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{Database, row_security::RowSecurity, value::value};
use crate::{Fault, Result};

/// Returns the options of connections through the pooler.
pub(super) fn options(url: &str) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Fault::misconfigured_since(error, "the PostgreSQL URL can't be read"))?;
    Ok(options.application_name("daybook").statement_cache_capacity(0))
}

/// Returns a pool whose connections are in a transaction for as long as they are lent. They are for
/// reading only: a write would be committed only after its caller has gone on. The server ends each
/// statement after `timeout`, in milliseconds.
pub(super) fn reader(size: u32, row_security: &RowSecurity, timeout: &str) -> PgPoolOptions {
    let (new, lent) = (row_security.clone(), row_security.clone());
    let (new_timeout, lent_timeout) = (timeout.to_owned(), timeout.to_owned());
    PgPoolOptions::new()
        .max_connections(size)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let (row_security, timeout) = (new.clone(), new_timeout.clone());
            Box::pin(async move { begin(connection, &row_security, &timeout).await })
        })
        .before_acquire(move |connection, _| {
            let (row_security, timeout) = (lent.clone(), lent_timeout.clone());
            // This detects a connection that died while idle.
            Box::pin(async move { Ok(begin(connection, &row_security, &timeout).await.is_ok()) })
        })
        .after_release(|connection, _| {
            Box::pin(async move { Ok(connection.execute("COMMIT").await.is_ok()) })
        })
}

async fn begin(
    connection: &mut PgConnection,
    row_security: &RowSecurity,
    timeout: &str,
) -> sqlx::Result<()> {
    let begin = format!("{}; SET LOCAL statement_timeout = {timeout}", row_security.begin());
    connection.execute(AssertSqlSafe(begin)).await.map(|_| ())
}

impl Database {
    /// Warns if the pooler's role lacks the timeout that a direct connection gets at its start.
    pub(super) async fn warn_of_idle_transactions(&self) -> Result<()> {
        let sql = "SELECT current_setting('idle_in_transaction_session_timeout') AS value";
        if value(&self.reader, sql).await? == "0" {
            tracing::warn!(
                "a transaction whose node is gone would hold its locks for ever: \
                 ALTER ROLE … SET idle_in_transaction_session_timeout = '10s' for the pooler's role"
            );
        }
        Ok(())
    }
}
