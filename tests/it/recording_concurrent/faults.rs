//! Faults of the database while writers record.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use daybook_tests::{Backend, TestServer};
use sea_orm::{ConnectionTrait, Statement};

/// Transactions of others that are rolled back.
const ROLLBACKS: usize = 50;
/// Connections that are killed on PostgreSQL.
const KILLS: usize = 100;

/// Counts of the faults.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) rollbacks: AtomicUsize,
    pub(super) kills: AtomicUsize,
    pub(super) is_over: AtomicBool,
}

impl Faults {
    /// Returns counts as if all faults had happened.
    pub(super) fn over() -> Self {
        Self { rollbacks: ROLLBACKS.into(), kills: KILLS.into(), is_over: true.into() }
    }

    pub(super) fn are_enough(&self, backend: Backend) -> bool {
        let kills = if backend == Backend::Postgres { KILLS } else { 0 };
        self.rollbacks.load(Relaxed) >= ROLLBACKS && self.kills.load(Relaxed) >= kills
    }
}

/// Takes the lock that recordings take, moves the head, and takes it all back.
pub(super) async fn roll_back(server: &TestServer, faults: &Faults) {
    let db = server.database.connect().await;
    // By hand: sea-orm's transactions on SQLite are deferred.
    let begin = if server.backend() == Backend::Postgres { "BEGIN" } else { "BEGIN IMMEDIATE" };
    let moved = "UPDATE audit_log_heads SET sequence = sequence + 7";
    while !faults.is_over.load(Relaxed) {
        db.execute_unprepared(&format!("{begin}; {moved}; ROLLBACK")).await.unwrap();
        faults.rollbacks.fetch_add(1, Relaxed);
        pause(20).await;
    }
    db.close().await.unwrap();
}

/// Kills Daybook's connections, by preference those that commit or are in the middle of something.
pub(super) async fn kill(server: &TestServer, faults: &Faults) {
    if server.backend() != Backend::Postgres {
        return;
    }
    let db = server.database.connect().await;
    let mut victims = HashSet::new();
    while !faults.is_over.load(Relaxed) {
        let killed = db
            .query_all_raw(Statement::from_string(
                db.get_database_backend(),
                "SELECT pid FROM (
                    SELECT pid FROM pg_stat_activity
                    WHERE application_name = 'daybook' AND datname = current_database()
                    ORDER BY query <> 'COMMIT', state = 'idle', random() LIMIT 1
                ) AS victim
                WHERE pg_terminate_backend(pid)",
            ))
            .await
            .unwrap();
        // One that is busy dying may be hit again.
        victims.extend(killed.iter().map(|row| row.try_get::<i32>("", "pid").unwrap()));
        faults.kills.store(victims.len(), Relaxed);
        pause(150).await;
    }
    db.close().await.unwrap();
}

/// Lets a random time pass before the next fault, more often a short one.
async fn pause(most_millis: u64) {
    let [random] = daybook_service::random_bytes();
    let random = u64::from(random);
    tokio::time::sleep(Duration::from_millis(random * random * most_millis / (255 * 255))).await;
}
