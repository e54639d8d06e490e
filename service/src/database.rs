//! The database: pools, settings that durability rests on, and the one way to run a transaction.

mod checkpoint;
mod connect;
mod lock;
mod pooled;
mod reader;
pub(crate) mod replica;
mod row_security;
mod slots;
pub(crate) mod sqlite;
mod transaction;
mod unreachable;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::{Clock, Result};

pub(crate) use checkpoint::keep_log_short;
pub(crate) use connect::{setting, value};
pub use lock::Lock;
pub use reader::Reader;
use replica::Replica;
use row_security::RowSecurity;
pub use transaction::Work;

/// What holds the truth: embedded SQLite, or PostgreSQL.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One file, one writer, many readers.
    Sqlite,
    /// A server, for any number of nodes.
    Postgres,
}

/// Connections to the instance's database, by what they are for.
#[derive(Clone, Debug)]
pub struct Database {
    engine: Engine,
    /// Transactions. On SQLite a single connection: one writer, and nobody meets a busy database.
    writer: DatabaseConnection,
    /// Reads of requests, each in its turn.
    reader: Reader,
    /// Who may what: looked up by key, before anything else is done for a request, so that no read
    /// keeps a recording waiting.
    access: Reader,
    /// Of those, as many as subscriptions may have at once.
    watcher_turns: Arc<Semaphore>,
    /// Long reads of jobs, apart so that exports never take a request's connection.
    bulk: DatabaseConnection,
    /// Bells between processes, on PostgreSQL.
    bells: Option<PgPool>,
    /// What answers reads in the reader's place, where there is one.
    replica: Option<Replica>,
    /// Whether row-level security asks who a statement is for.
    row_security: RowSecurity,
    /// Whether a pooler lends the writer's connections.
    is_pooled: bool,
    /// Running transactions, so that stopping waits for them.
    transactions: TaskTracker,
}

impl Database {
    /// Which engine it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Whether row-level security stands behind each statement: see [`crate::tenancy`].
    #[must_use]
    pub fn has_row_security(&self) -> bool {
        self.row_security.stands()
    }

    /// For the reads of requests. Each statement waits for its turn.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// For what is looked up by key before a request is served, and for whether it can be: memberships,
    /// API keys, operators, the schema's version.
    #[must_use]
    pub fn access(&self) -> &Reader {
        &self.access
    }

    /// A subscription's turn at [`Self::reader`], held while it reads. First come, first served,
    /// and however long it takes: a pool gives up on who waits for a connection, which is right for
    /// a request and would end subscriptions for nothing but that there are many of them. They
    /// leave the other half of the connections to requests.
    pub(crate) async fn watcher_turn(&self) -> WatcherTurn {
        let turn = Arc::clone(&self.watcher_turns).acquire_owned().await;
        WatcherTurn { _permit: turn.expect("nobody closes it") }
    }

    /// For long reads of jobs.
    #[must_use]
    pub fn bulk(&self) -> &DatabaseConnection {
        &self.bulk
    }

    /// For bells between processes; none on SQLite, which has one process that serves.
    pub(crate) fn bells(&self) -> Option<PgPool> {
        self.bells.clone()
    }

    /// Where reads may go that [`crate::replica`] lets go there.
    pub(crate) fn replica(&self) -> Option<&Replica> {
        self.replica.as_ref()
    }

    /// Each pool's name, connections and those of them that are idle.
    pub(crate) fn pools(&self) -> Vec<(&'static str, u32, u32)> {
        let pools =
            [("writer", &self.writer), ("reader", &self.reader.keyed), ("bulk", &self.bulk)];
        // On PostgreSQL without a pooler these are the writer's.
        let access = (self.engine == Engine::Sqlite || self.is_pooled)
            .then_some(("access", &self.access.keyed));
        let scans = self.reader.scans.as_ref().map(|scans| ("scans", scans));
        let replica = self.replica.as_ref().map(|replica| ("replica", replica.db()));
        let mut pools: Vec<_> = pools
            .into_iter()
            .chain(access)
            .chain(scans)
            .chain(replica)
            .map(|(name, db)| {
                let (size, idle) = match self.engine {
                    Engine::Sqlite => {
                        let pool = db.get_sqlite_connection_pool();
                        (pool.size(), pool.num_idle())
                    }
                    Engine::Postgres => {
                        let pool = db.get_postgres_connection_pool();
                        (pool.size(), pool.num_idle())
                    }
                };
                (name, size, u32::try_from(idle).unwrap_or(u32::MAX))
            })
            .collect();
        if let Some(bells) = &self.bells {
            let idle = u32::try_from(bells.num_idle()).unwrap_or(u32::MAX);
            pools.push(("bells", bells.size(), idle));
        }
        pools
    }

    /// For the migrator, which runs a transaction of its own.
    #[must_use]
    pub fn for_migration(&self) -> &DatabaseConnection {
        match self.engine {
            Engine::Sqlite => &self.writer,
            // Past a pooler, where there is one.
            Engine::Postgres => &self.bulk,
        }
    }

    /// Waits for running transactions and closes the connections.
    ///
    /// # Errors
    /// A database fault.
    pub async fn close(self) -> Result<()> {
        self.transactions.close();
        self.transactions.wait().await;
        self.reader.close().await?;
        self.access.close().await?;
        self.bulk.close().await?;
        if let Some(replica) = &self.replica {
            replica.db().clone().close().await?;
        }
        if let Some(bells) = self.bells {
            bells.close().await;
        }
        Ok(self.writer.close().await?)
    }
}

/// A subscription's turn at the readers; dropping it gives it to the next.
#[derive(Debug)]
pub(crate) struct WatcherTurn {
    _permit: OwnedSemaphorePermit,
}

/// The database's clock, now: what nodes with different clocks agree on.
///
/// PostgreSQL's `now()` is the start of the transaction; this is the instant of the call. On
/// SQLite database and process share the machine's clock.
pub(crate) async fn now<C: ConnectionTrait>(
    db: &C,
    clock: &Clock,
) -> std::result::Result<DateTime<Utc>, DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(clock.now());
    }
    let statement = Statement::from_string(DbBackend::Postgres, "SELECT clock_timestamp() AS now");
    let row = db.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| DbErr::Custom("clock_timestamp() gave no row".to_owned()))?;
    Ok(clock.shift(row.try_get("", "now")?))
}
