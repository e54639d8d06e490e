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

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, Statement, TransactionTrait,
};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    Database, Reader as Primary,
    connect::{setting, value},
};
use crate::{Error, Fault, Metrics, Result, metrics::Reader};

/// Longest time that a replica may take to report whether it holds an entry.
const POSITION_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest time to wait for a lagging replica. Streaming alone takes a few milliseconds.
const MAX_LAG_WAIT: Duration = Duration::from_millis(50);
/// Time for which no read waits for a replica that has failed to catch up.
const SKIP_AFTER_LAG: Duration = Duration::from_secs(1);
/// Time for which a replica that did not answer is not tried again.
const SKIP_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Connections to a replica, and the replica's recent health.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    db: DatabaseConnection,
    health: Arc<Mutex<ReplicaHealth>>,
}

#[derive(Debug, Default)]
struct ReplicaHealth {
    /// The replica did not answer and is not tried before this time.
    away_until: Option<Instant>,
    /// The replica lagged and is not waited for before this time.
    behind_until: Option<Instant>,
}

/// The primary's position in an organization's log: its last entry, and the number of the last
/// removed entry.
struct Position {
    sequence: i64,
    hash: Vec<u8>,
    pruned: i64,
}

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

    async fn execute_raw(&self, statement: Statement) -> std::result::Result<ExecResult, DbErr> {
        match self {
            Self::Primary(db) => db.execute_raw(statement).await,
            Self::Replica(tx) => tx.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> std::result::Result<ExecResult, DbErr> {
        match self {
            Self::Primary(db) => db.execute_unprepared(sql).await,
            Self::Replica(tx) => tx.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(
        &self,
        statement: Statement,
    ) -> std::result::Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Primary(db) => db.query_one_raw(statement).await,
            Self::Replica(tx) => tx.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(
        &self,
        statement: Statement,
    ) -> std::result::Result<Vec<QueryResult>, DbErr> {
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

/// Properties of a replica, found by [`Database::ask_replica`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The server's version.
    pub version: String,
    /// True if the server follows another server's log.
    pub is_standby: bool,
}

impl Database {
    /// Asks the replica for its properties. Returns none if no replica is used.
    ///
    /// # Errors
    /// The replica does not answer, or not in time.
    pub async fn ask_replica(&self) -> Option<Result<Found>> {
        let db = &self.replica()?.db;
        let asked = timeout(POSITION_TIMEOUT, async {
            let version = setting(db, "server_version").await?;
            let standby = value(db, "SELECT pg_is_in_recovery()::text AS value").await?;
            Ok(Found { version, is_standby: standby == "true" })
        });
        let late = || Err(Fault::Unfit("it does not answer in time".to_owned()).into());
        Some(asked.await.unwrap_or_else(|_| late()))
    }
}

/// The result of opening a read on a replica.
enum Opened {
    /// The replica has reached the position, and all statements of this transaction see it.
    Holds(DatabaseTransaction),
    /// The replica lags.
    Behind,
    /// The replica does not answer, or did not answer recently.
    Away,
}

impl Replica {
    pub(crate) fn new(db: DatabaseConnection) -> Self {
        Self { db, health: Arc::default() }
    }

    pub(crate) fn db(&self) -> &DatabaseConnection {
        &self.db
    }

    async fn open(&self, organization_id: Uuid, position: &Position) -> Opened {
        // An empty log does not identify a database.
        if position.sequence == 0 {
            return Opened::Behind;
        }
        if !self.may_try() {
            return Opened::Away;
        }
        match timeout(POSITION_TIMEOUT, self.follow(organization_id, position)).await {
            Ok(Ok(found)) => {
                self.answered();
                found.map_or(Opened::Behind, Opened::Holds)
            }
            Ok(Err(error)) => self.failed(&error.to_string()),
            Err(late) => self.failed(&late.to_string()),
        }
    }

    /// Uses one connection throughout, because there may be several replicas behind one address.
    async fn follow(
        &self,
        organization_id: Uuid,
        position: &Position,
    ) -> Result<Option<DatabaseTransaction>> {
        let tx = self.db.begin().await?;
        let until = Instant::now() + MAX_LAG_WAIT;
        let mut pause = Duration::from_millis(1);
        while !holds(&tx, organization_id, position).await? {
            if !self.is_worth_waiting() || Instant::now() >= until {
                self.health().behind_until = Some(Instant::now() + SKIP_AFTER_LAG);
                tx.rollback().await?;
                return Ok(None);
            }
            sleep(pause).await;
            pause *= 2;
        }
        Ok(Some(tx))
    }

    fn health(&self) -> MutexGuard<'_, ReplicaHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a pause, only one read tries the replica.
    fn may_try(&self) -> bool {
        let now = Instant::now();
        let mut health = self.health();
        match health.away_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                health.away_until = Some(now + SKIP_AFTER_FAILURE);
                true
            }
        }
    }

    fn is_worth_waiting(&self) -> bool {
        self.health().behind_until.is_none_or(|until| until <= Instant::now())
    }

    fn answered(&self) {
        if self.health().away_until.take().is_some() {
            tracing::info!("the replica answers again");
        }
    }

    fn failed(&self, error: &str) -> Opened {
        if self.health().away_until.replace(Instant::now() + SKIP_AFTER_FAILURE).is_none() {
            tracing::warn!(%error, "the replica does not answer; the primary does in its place");
        }
        Opened::Away
    }
}

async fn position(primary: &Primary, organization_id: Uuid) -> Result<Position> {
    let sql = "SELECT heads.sequence, heads.hash, COALESCE(retentions.pruned, 0) AS pruned \
        FROM audit_log_heads AS heads \
        LEFT JOIN retentions ON retentions.organization_id = heads.organization_id \
        WHERE heads.organization_id = $1";
    let values = [organization_id.into()];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let Some(row) = primary.query_one_raw(statement).await? else {
        return Ok(Position { sequence: 0, hash: Vec::new(), pruned: 0 });
    };
    Ok(Position {
        sequence: row.try_get("", "sequence")?,
        hash: row.try_get("", "hash")?,
        pruned: row.try_get("", "pruned")?,
    })
}

/// Returns true if a replica has reached the position.
async fn holds(
    tx: &DatabaseTransaction,
    organization_id: Uuid,
    position: &Position,
) -> Result<bool> {
    let sql = "SELECT COALESCE((SELECT pruned FROM retentions WHERE organization_id = $1), 0) >= $4 \
        AS is_there FROM audit_logs WHERE organization_id = $1 AND sequence = $2 AND hash = $3";
    let Position { sequence, hash, pruned } = position;
    let values =
        [organization_id.into(), (*sequence).into(), hash.clone().into(), (*pruned).into()];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let row = tx.query_one_raw(statement).await?;
    Ok(row.map(|row| row.try_get("", "is_there")).transpose()?.unwrap_or_default())
}
