//! Connections to a replica, lent once the replica has reached a position of the primary's.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement,
    TransactionTrait,
};
use tokio::time::{Instant, error::Elapsed, sleep, timeout};
use uuid::Uuid;

use crate::{
    Fault, Result,
    database::{
        Reader as Primary,
        value::{setting, value},
    },
};

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
pub(super) struct Position {
    sequence: i64,
    hash: Vec<u8>,
    pruned: i64,
}

/// Properties of a replica, found by [`crate::Database::ask_replica`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The server's version.
    pub version: String,
    /// True if the server follows another server's log.
    pub is_standby: bool,
}

/// The result of opening a read on a replica.
pub(super) enum Opened {
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

    /// Asks the replica for its properties.
    pub(super) async fn ask(&self) -> Result<Found> {
        let asked = timeout(POSITION_TIMEOUT, async {
            let version = setting(&self.db, "server_version").await?;
            let standby = value(&self.db, "SELECT pg_is_in_recovery()::text AS value").await?;
            Ok(Found { version, is_standby: standby == "true" })
        });
        let late = |source: Elapsed| {
            let context = "it does not answer in time".to_owned();
            Err(Fault::Io { context, source: source.into() }.into())
        };
        asked.await.unwrap_or_else(late)
    }

    pub(super) async fn open(&self, organization_id: Uuid, position: &Position) -> Opened {
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

/// Returns the position of an organization's log on the primary.
pub(super) async fn position(primary: &Primary, organization_id: Uuid) -> Result<Position> {
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
