//! Behind a pooler such as PgBouncer in transaction mode.
//!
//! There a connection is another server session in each transaction, so that nothing of a session holds: no
//! startup options, no prepared statements from before. Even one statement outside of a transaction can meet
//! two sessions, since sqlx prepares it in one round trip and runs it in the next. So whoever is lent a
//! connection for reading is lent a transaction with it, and nothing is prepared for later. Statements that
//! are left behind are the pooler's to remove (`server_reset_query`, see README.md).

use std::str::FromStr;

use sqlx::{
    AssertSqlSafe, Executor, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{Database, connect::value, row_security::RowSecurity};
use crate::{Fault, Result};

/// For connections through the pooler.
pub(super) fn options(url: &str) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Fault::Unfit(format!("the PostgreSQL URL can't be read: {error}")))?;
    Ok(options.application_name("daybook").statement_cache_capacity(0))
}

/// Connections that are in a transaction for as long as they are lent. For reading: what is written would be
/// committed only after whoever wrote it has gone on.
/// The server ends each statement after `timeout`, in milliseconds.
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
            // One that died while it lay idle is found out by this.
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
    /// What a connection of its own would be told at its start is for the pooler's role to say.
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
