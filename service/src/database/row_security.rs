//! Sets a task's allowed organizations on its connections, if row-level security binds this
//! process: see [`crate::tenancy`].

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::value::value;
use crate::{Result, tenancy};

/// True if the server's policies bind this process; shared by all its connections.
#[derive(Clone, Debug, Default)]
pub(super) struct RowSecurity(Arc<AtomicBool>);

impl RowSecurity {
    pub(super) fn is_active(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Determines if the policies bind this process. They bind a role that neither owns the tables
    /// nor may bypass row-level security, and owners if the policies are forced.
    pub(super) async fn detect(&self, db: &DatabaseConnection) -> Result<()> {
        let sql = "SELECT COALESCE(bool_or(row_security_active(oid)), false)::text AS value \
            FROM pg_class WHERE oid = to_regclass('audit_logs')";
        self.0.store(value(db, sql).await? == "true", Ordering::Relaxed);
        Ok(())
    }

    /// Sets the task's allowed organizations on a connection that is about to be lent.
    pub(super) async fn set_context(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if self.is_active() {
            connection.execute(AssertSqlSafe(set("SET"))).await?;
        }
        Ok(())
    }

    /// Sets the task's allowed organizations for one transaction. Behind a pooler, nothing else
    /// belongs to this task.
    pub(super) async fn set_context_of_transaction(&self, tx: &DatabaseTransaction) -> Result<()> {
        if self.is_active() {
            tx.execute_unprepared(&set("SET LOCAL")).await?;
        }
        Ok(())
    }

    /// Returns the statements that begin a read-only transaction.
    pub(super) fn begin(&self) -> String {
        let begin = "BEGIN READ ONLY";
        if self.is_active() { format!("{begin}; {}", set("SET LOCAL")) } else { begin.to_owned() }
    }
}

/// Returns the statement that sets the allowed organizations. Its value holds only IDs, commas and
/// `*`.
fn set(verb: &str) -> String {
    format!("{verb} {} = '{}'", tenancy::SETTING, tenancy::setting())
}
