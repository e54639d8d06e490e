//! The database: connection pools, the settings that durability depends on, and the only way to run
//! a transaction.

mod checkpoint;
mod connect;
pub(crate) mod json_condition;
mod lock;
mod pooled;
mod reader;
pub(crate) mod replica;
mod row_security;
mod slots;
pub(crate) mod sqlite;
mod transaction;
mod unreachable;
mod value;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::{Clock, Result};

pub(crate) use checkpoint::keep_wal_short;
pub use lock::Lock;
pub use reader::Reader;
use replica::Replica;
use row_security::RowSecurity;
pub use transaction::Work;
pub(crate) use value::{setting, value};

/// The engine that stores all durable state: embedded SQLite, or PostgreSQL.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite: one file with one writer and many readers.
    Sqlite,
    /// PostgreSQL: a server for any number of nodes.
    Postgres,
}

/// Connections to the instance's database, in a pool for each purpose.
#[derive(Clone, Debug)]
pub struct Database {
    engine: Engine,
    /// Connections for transactions. SQLite has a single one: one writer, so that nobody meets a
    /// busy database.
    writer: DatabaseConnection,
    /// Connections for reads of requests, which wait for slots.
    reader: Reader,
    /// Connections that look up permissions by key, before any other work of a request. Other reads
    /// can't take them, so no read delays a recording.
    access: Reader,
    /// Turns of subscriptions at the reader's connections.
    watcher_turns: Arc<Semaphore>,
    /// Connections for long reads of jobs, so that exports never take a request's connection.
    bulk: DatabaseConnection,
    /// Connections that carry notifications between processes; none on SQLite.
    notification_pool: Option<PgPool>,
    /// The replica that answers reads in the primary's place, if there is one.
    replica: Option<Replica>,
    /// The state of row-level security on this database.
    row_security: RowSecurity,
    /// True if a pooler such as PgBouncer lends the writer's connections.
    is_pooled: bool,
    /// Running transactions; stopping waits for them.
    transactions: TaskTracker,
}

impl Database {
    /// Returns the database's engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Returns true if row-level security binds each statement of this process: see
    /// [`crate::tenancy`].
    #[must_use]
    pub fn has_row_security(&self) -> bool {
        self.row_security.is_active()
    }

    /// Returns the connections for reads of requests. Each statement waits for its slots.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Returns the connections for look-ups by key before a request is served, and for readiness
    /// checks: memberships, API keys, operators, the schema's version.
    #[must_use]
    pub fn access(&self) -> &Reader {
        &self.access
    }

    /// Waits for a subscription's turn at [`Self::reader`], which is held while the subscription
    /// reads. The first to wait is the first to go on, without a time limit: a pool's time limit
    /// for a connection is right for a request, but would end subscriptions only because there are
    /// many of them. Subscriptions leave half of the connections to requests.
    pub(crate) async fn watcher_turn(&self) -> WatcherTurn {
        let turn = Arc::clone(&self.watcher_turns).acquire_owned().await;
        WatcherTurn { _permit: turn.expect("nobody closes it") }
    }

    /// Returns the connections for long reads of jobs.
    #[must_use]
    pub fn bulk(&self) -> &DatabaseConnection {
        &self.bulk
    }

    /// Returns the connections that carry notifications between processes; none on SQLite, where
    /// one process serves.
    pub(crate) fn notification_pool(&self) -> Option<PgPool> {
        self.notification_pool.clone()
    }

    /// Returns the replica, if there is one. [`replica::read`] determines which reads it answers.
    pub(crate) fn replica(&self) -> Option<&Replica> {
        self.replica.as_ref()
    }

    /// Returns the name of each pool, the number of its connections, and how many of them are idle.
    pub(crate) fn pools(&self) -> Vec<(&'static str, u32, u32)> {
        let pools =
            [("writer", &self.writer), ("reader", &self.reader.keyed), ("bulk", &self.bulk)];
        // On PostgreSQL without a pooler, these are the writer's connections.
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
        if let Some(notification_pool) = &self.notification_pool {
            let idle = u32::try_from(notification_pool.num_idle()).unwrap_or(u32::MAX);
            pools.push(("notifications", notification_pool.size(), idle));
        }
        pools
    }

    /// Returns the connection for the migrator, which runs its own transaction.
    #[must_use]
    pub fn for_migration(&self) -> &DatabaseConnection {
        match self.engine {
            Engine::Sqlite => &self.writer,
            // A direct connection, past the pooler if there is one.
            Engine::Postgres => &self.bulk,
        }
    }

    /// Waits for running transactions, then closes the connections.
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
        if let Some(notification_pool) = self.notification_pool {
            notification_pool.close().await;
        }
        Ok(self.writer.close().await?)
    }
}

/// A subscription's turn at the reader's connections. Dropping it passes the turn on.
#[derive(Debug)]
pub(crate) struct WatcherTurn {
    _permit: OwnedSemaphorePermit,
}

/// Returns the current time of the database's clock, which all nodes share.
///
/// Unlike PostgreSQL's `now()`, which is the start of the transaction, this is the time of the
/// call. With SQLite, the database and the process share the machine's clock.
pub(crate) async fn now<C: ConnectionTrait>(db: &C, clock: &Clock) -> Result<DateTime<Utc>, DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(clock.now());
    }
    let statement = Statement::from_string(DbBackend::Postgres, "SELECT clock_timestamp() AS now");
    let row = db.query_one_raw(statement).await?;
    let row =
        row.ok_or_else(|| DbErr::RecordNotFound("clock_timestamp() gave no row".to_owned()))?;
    Ok(clock.shift(row.try_get("", "now")?))
}
