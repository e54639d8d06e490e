//! Keeps SQLite's write-ahead log short.
//!
//! SQLite copies the log back into the database by itself, but restarts the log only at a moment
//! without readers. While an export reads one segment after another, a busy log just grows.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio_util::sync::CancellationToken;

use super::sqlite;
use crate::{Database, Engine, Fault, Result};

/// Size in bytes up to which the log is left alone.
const MIN_WAL_BYTES: u64 = 16 * 1024 * 1024;
/// Interval between checks of the log's size.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// Longest time to wait for readers and writers; writers are delayed by at most as long.
const MAX_CHECKPOINT_WAIT: Duration = Duration::from_millis(100);
/// Pause after a failed attempt, so that a long reader, such as a backup, is left alone.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Restarts SQLite's log whenever it has grown too long, until `stopping` is canceled.
pub(crate) async fn keep_wal_short(db: Database, stopping: CancellationToken) {
    if db.engine() != Engine::Sqlite {
        return;
    }
    let file = sqlite::file(db.bulk());
    let mut log = file.clone().into_os_string();
    log.push("-wal");
    let mut pause = CHECK_INTERVAL;
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = CHECK_INTERVAL;
        let is_short =
            tokio::fs::metadata(&log).await.map_or(true, |log| log.len() <= MIN_WAL_BYTES);
        if is_short {
            continue;
        }
        let file = file.clone();
        let begun = tokio::task::spawn_blocking(move || begin_anew(&file)).await;
        match begun.map_err(|error| Fault::from(error).into()).flatten() {
            Ok(true) => {}
            Ok(false) => pause = PAUSE_AFTER_FAILURE,
            Err(error) => {
                tracing::warn!(%error, "SQLite's log could not be begun anew");
                pause = PAUSE_AFTER_FAILURE;
            }
        }
    }
}

/// Copies the log into the database and empties it. Returns false if a reader or writer took too
/// long.
fn begin_anew(file: &std::path::Path) -> Result<bool> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags).map_err(sqlite::fault)?;
    db.busy_timeout(MAX_CHECKPOINT_WAIT).map_err(sqlite::fault)?;
    // The copy must be as durable as the log.
    db.execute_batch("PRAGMA synchronous = FULL").map_err(sqlite::fault)?;
    let is_busy: i64 = db
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(sqlite::fault)?;
    Ok(is_busy == 0)
}
