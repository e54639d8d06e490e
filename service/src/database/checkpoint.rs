//! Keeping SQLite's write-ahead log short.
//!
//! SQLite copies the log back into the database by itself, but begins it anew only in a moment
//! without readers: while an export reads one segment after the other, a busy log just grows.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio_util::sync::CancellationToken;

use super::sqlite;
use crate::{Database, Engine, Fault, Result};

/// Bytes of log that are left alone.
const SHORT: u64 = 16 * 1024 * 1024;
/// How often the log is looked at.
const TICK: Duration = Duration::from_millis(250);
/// How long readers and writers are waited for; writers wait as long at the most.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a reader that doesn't end, such as a backup's, is left alone.
const RESPITE: Duration = Duration::from_secs(5);

/// Begins SQLite's log anew where it has grown, until `stopping` is canceled.
pub(crate) async fn keep_log_short(db: Database, stopping: CancellationToken) {
    if db.engine() != Engine::Sqlite {
        return;
    }
    let file = sqlite::file(db.bulk());
    let mut log = file.clone().into_os_string();
    log.push("-wal");
    let mut pause = TICK;
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = TICK;
        let is_short = tokio::fs::metadata(&log).await.map_or(true, |log| log.len() <= SHORT);
        if is_short {
            continue;
        }
        let file = file.clone();
        let begun = tokio::task::spawn_blocking(move || begin_anew(&file)).await;
        match begun.map_err(|error| Fault::from(error).into()).flatten() {
            Ok(true) => {}
            Ok(false) => pause = RESPITE,
            Err(error) => {
                tracing::warn!(%error, "SQLite's log could not be begun anew");
                pause = RESPITE;
            }
        }
    }
}

/// Copies the log into the database and empties it; false where somebody reads or writes too long.
fn begin_anew(file: &std::path::Path) -> Result<bool> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags).map_err(sqlite::fault)?;
    db.busy_timeout(PATIENCE).map_err(sqlite::fault)?;
    // The copy is as durable as what it is taken from.
    db.execute_batch("PRAGMA synchronous = FULL").map_err(sqlite::fault)?;
    let is_busy: i64 = db
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(sqlite::fault)?;
    Ok(is_busy == 0)
}
