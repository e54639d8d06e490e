//! Telling PostgreSQL how far a task reaches, where row-level security asks for it: see [`crate::tenancy`].

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::connect::value;
use crate::{Result, tenancy};

/// Whether the server's policies bind this process; shared by all its connections.
#[derive(Clone, Debug, Default)]
pub(super) struct RowSecurity(Arc<AtomicBool>);

impl RowSecurity {
    pub(super) fn stands(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Finds out: policies bind who neither owns the tables nor may pass them, and owners where they are forced.
    pub(super) async fn look(&self, db: &DatabaseConnection) -> Result<()> {
        let sql = "SELECT COALESCE(bool_or(row_security_active(oid)), false)::text AS value \
            FROM pg_class WHERE oid = to_regclass('audit_logs')";
        self.0.store(value(db, sql).await? == "true", Ordering::Relaxed);
        Ok(())
    }

    /// Tells a connection that is about to be lent.
    pub(super) async fn tell(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if self.stands() {
            connection.execute(AssertSqlSafe(set("SET"))).await?;
        }
        Ok(())
    }

    /// Tells a transaction, for as long as it lasts: behind a pooler nothing else is this task's.
    pub(super) async fn tell_transaction(&self, tx: &DatabaseTransaction) -> Result<()> {
        if self.stands() {
            tx.execute_unprepared(&set("SET LOCAL")).await?;
        }
        Ok(())
    }

    /// What begins a transaction that only reads.
    pub(super) fn begin(&self) -> String {
        let begin = "BEGIN READ ONLY";
        if self.stands() { format!("{begin}; {}", set("SET LOCAL")) } else { begin.to_owned() }
    }
}

/// Holds nothing but IDs, commas and `*`.
fn set(verb: &str) -> String {
    format!("{verb} {} = '{}'", tenancy::SETTING, tenancy::setting())
}
