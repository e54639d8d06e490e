//! A PostgreSQL replica that answers reads in the primary's place.
//!
//! The rule: a read is answered as the primary would have answered it when the read arrived. The
//! primary reports the end of the organization's log, which is cheap to read. A replica answers if
//! it holds that very entry, by sequence and hash, and has removed as many entries. Entries become
//! visible in the order of their sequence, and workspaces and notes change in the transaction that
//! records the change, so a replica that holds the entry holds everything before it. A lagging
//! replica gets a moment to catch up, then the primary answers. The primary also answers if the
//! replica can't be reached, is another database, or is from a timeline that a failover has
//! discarded.

mod connections;

use futures::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use uuid::Uuid;

use super::{Database, Reader as Primary};
use crate::{Error, Fault, Metrics, Result, metrics::Reader};
use connections::{Found, Opened, position};

pub(super) use connections::Replica;

/// A read from the replica or the primary. It captures nothing, like [`crate::Work`].
pub(crate) type Reading<C, T> = for<'r> fn(&'r Source<'r>, &'r C) -> BoxFuture<'r, Result<T>>;

/// The database that answers a read.
pub(crate) enum Source<'r> {
    Primary(&'r Primary),
    Replica(&'r DatabaseTransaction),
}

#[async_trait::async_trait]
impl ConnectionTrait for Source<'_> {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Primary(db) => ConnectionTrait::get_database_backend(*db),
            Self::Replica(tx) => ConnectionTrait::get_database_backend(*tx),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Primary(db) => db.execute_raw(statement).await,
            Self::Replica(tx) => tx.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::Primary(db) => db.execute_unprepared(sql).await,
            Self::Replica(tx) => tx.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Primary(db) => db.query_one_raw(statement).await,
            Self::Replica(tx) => tx.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Primary(db) => db.query_all_raw(statement).await,
            Self::Replica(tx) => tx.query_all_raw(statement).await,
        }
    }
}

/// Answers a read of an organization's log, workspaces or notes as the primary would answer it now.
///
/// `work` must only read. If the replica fails in the middle, `work` runs again on the primary.
///
/// # Errors
/// The error of `work`, or a database fault of the primary.
pub(crate) async fn read<C, T>(
    db: &Database,
    metrics: &Metrics,
    organization_id: Uuid,
    context: &C,
    work: Reading<C, T>,
) -> Result<T> {
    let primary = db.reader();
    if let Some(replica) = db.replica() {
        let position = position(primary, organization_id).await?;
        let slot = primary.slot().await;
        let reader = match replica.open(organization_id, &position).await {
            Opened::Holds(tx) => match work(&Source::Replica(&tx), context).await {
                Err(Error::Fault(Fault::Database(error))) => {
                    tracing::warn!(%error, "the replica failed a read; the primary answers it");
                    Reader::ReplicaAway
                }
                outcome => {
                    if let Err(error) = tx.rollback().await {
                        tracing::debug!(%error, "ending a read on the replica");
                    }
                    metrics.read(Reader::Replica);
                    return outcome;
                }
            },
            Opened::Behind => Reader::ReplicaBehind,
            Opened::Away => Reader::ReplicaAway,
        };
        drop(slot);
        metrics.read(reader);
    }
    work(&Source::Primary(primary), context).await
}

impl Database {
    /// Asks the replica for its properties. Returns none if no replica is used.
    ///
    /// # Errors
    /// The replica does not answer, or not in time.
    pub async fn ask_replica(&self) -> Option<Result<Found>> {
        Some(self.replica()?.ask().await)
    }
}
