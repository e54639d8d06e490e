//! The only way to run a transaction.

use std::time::Duration;

use futures::future::BoxFuture;
use sea_orm::{
    AccessMode, DatabaseTransaction, DbErr, IsolationLevel, RuntimeErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

use super::{Database, Engine};
use crate::{Error, Fault, Result, random, tenancy};

/// Most tries of a transaction that the database asks to repeat.
const MAX_TRIES: u32 = 8;

/// The work of a transaction. It captures nothing: all that it needs is in its context, so that it
/// can run again.
pub type Work<C, T> = for<'tx> fn(&'tx DatabaseTransaction, &'tx C) -> BoxFuture<'tx, Result<T>>;

impl Database {
    /// Runs `work` with `context` in a transaction and commits it. Repeats it, up to eight times in
    /// all, if the database chose it as the victim of a deadlock or a serialization failure.
    ///
    /// The transaction runs in its own task, so that a caller that goes away (a client that
    /// disconnects, a timeout, a `select!`) drops only its interest in the result. A dropped BEGIN
    /// would return the connection to the pool *inside* a transaction, and the next user's
    /// acknowledged writes would be rolled back with it.
    ///
    /// # Errors
    /// The error of `work`, a database fault, or [`Fault::CommitUnknown`] if only COMMIT failed.
    pub async fn transaction<C, T>(&self, context: C, work: Work<C, T>) -> Result<T>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
    {
        let db = self.clone();
        let task = async move { with_retries(&db, &context, work).await };
        self.transactions.spawn(tenancy::inherit(task)).await.map_err(Fault::Task)?
    }
}

impl Database {
    /// Runs `work` with `context` in a read-only transaction that sees the database as of one
    /// moment. It uses a connection for jobs and, like [`Self::transaction`], its own task.
    ///
    /// The open snapshot keeps the database from removing old rows, so `work` must be short.
    ///
    /// # Errors
    /// The error of `work`, or a database fault.
    pub(crate) async fn snapshot<C, T>(&self, context: C, work: Work<C, T>) -> Result<T>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (db, engine) = (self.bulk.clone(), self.engine);
        let task = async move {
            let options = match engine {
                // On SQLite, a transaction sees one moment anyway, and the connection can't write.
                Engine::Sqlite => TransactionOptions::default(),
                Engine::Postgres => TransactionOptions {
                    isolation_level: Some(IsolationLevel::RepeatableRead),
                    access_mode: Some(AccessMode::ReadOnly),
                    ..TransactionOptions::default()
                },
            };
            let tx = db.begin_with_options(options).await?;
            let outcome = work(&tx, &context).await;
            tx.rollback().await?;
            outcome
        };
        self.transactions.spawn(tenancy::inherit(task)).await.map_err(Fault::Task)?
    }
}

async fn with_retries<C, T>(db: &Database, context: &C, work: Work<C, T>) -> Result<T> {
    let mut tries = 1;
    loop {
        match once(db, context, work).await {
            Err(Error::Fault(Fault::Database(error)))
                if is_retryable(&error) && tries < MAX_TRIES =>
            {
                tracing::debug!(%error, tries, "transaction is run anew");
                let jitter = u64::from(random::bytes::<1>()[0]) % 8;
                tokio::time::sleep(Duration::from_millis((1 << tries) + jitter)).await;
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

async fn once<C, T>(db: &Database, context: &C, work: Work<C, T>) -> Result<T> {
    let options = TransactionOptions {
        // A deferred transaction that reads and then writes fails if another one wrote meanwhile.
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = match db.writer.begin_with_options(options).await {
        Ok(tx) => tx,
        // The connection had died unnoticed and nothing was done; the pool has another one.
        Err(error @ (DbErr::Conn(_) | DbErr::Exec(_) | DbErr::Query(_))) => {
            tracing::debug!(%error, "a transaction is begun anew");
            db.writer.begin_with_options(options).await?
        }
        Err(error) => return Err(error.into()),
    };
    if db.is_pooled {
        db.row_security.set_context_of_transaction(&tx).await?;
    }
    match work(&tx, context).await {
        Ok(value) => {
            tx.commit().await.map_err(Fault::CommitUnknown)?;
            Ok(value)
        }
        Err(error) => {
            if let Err(fault) = tx.rollback().await {
                tracing::warn!(%fault, "rollback failed; the database ends the transaction itself");
            }
            Err(error)
        }
    }
}

/// Returns true if the database asks to repeat the transaction: serialization failure (40001),
/// deadlock (40P01), lock not available (55P03), SQLite busy (5, 261, 517).
fn is_retryable(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("40001" | "40P01" | "55P03" | "5" | "261" | "517"))
}
