//! The source of a backup: one snapshot of the database, read table by table as bytes of the file.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    TableDigest, postgres, sqlite,
    tables::{BackupScope, Rows, Table, tables},
};
use crate::{Core, Engine, Fault, Result, buffer_pool::BufferPool, tenancy};

/// Approximate size of a piece, in bytes.
pub(super) const PIECE_BYTES: usize = 64 * 1024;
/// Maximum number of pieces that wait to be written.
const MAX_WAITING_PIECES: usize = 4;

/// A snapshot that is being read.
pub(super) struct Reading {
    pub(super) pieces: mpsc::Receiver<Result<Piece>>,
    /// Pool to which the buffers of written pieces are returned.
    pub(super) buffers: BufferPool,
}

/// The sending side of a snapshot's pieces.
pub(super) struct Pieces {
    sender: mpsc::Sender<Result<Piece>>,
    buffers: BufferPool,
}

impl Pieces {
    pub(super) async fn send(&self, piece: Piece) -> Result<()> {
        self.sender.send(Ok(piece)).await.map_err(|_| gone())
    }

    pub(super) fn blocking_send(&self, piece: Piece) -> Result<()> {
        self.sender.blocking_send(Ok(piece)).map_err(|_| gone())
    }

    /// Returns an empty buffer for a piece.
    pub(super) fn empty(&self) -> Vec<u8> {
        self.buffers.take(PIECE_BYTES + PIECE_BYTES / 2)
    }
}

/// A piece of a snapshot. One `Start` comes first; then, for each table, its `Rows` and one `End`.
#[derive(Debug)]
pub(super) enum Piece {
    /// Facts about the whole snapshot.
    Start(Box<Start>),
    /// Bytes of the file that hold `rows` rows of the table with this index.
    Rows { table: usize, bytes: Vec<u8>, rows: u64 },
    /// Digest of all rows of the table with this index.
    End { table: usize, digest: TableDigest },
}

/// Facts about a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// Time at which the snapshot was taken.
    pub(super) taken_at: DateTime<Utc>,
    /// Names of the migrations that created the schema.
    pub(super) migrations: Vec<String>,
    /// Last sequence and hash of the organization's log, or of the instance's own log.
    pub(super) head: (i64, Vec<u8>),
    /// Statements that create the tables, to run before the rows are inserted.
    pub(super) prologue: String,
    /// Statements that create the rest of the schema, to run after the rows are inserted.
    pub(super) epilogue: String,
    /// Approximate number of rows in the snapshot.
    pub(super) rows: i64,
}

/// Statements to run before and after the rows that fill a database.
#[derive(Clone, Debug)]
pub(super) struct FillScript {
    /// Scope of the rows: only rows within it are compared.
    pub(super) scope: BackupScope,
    /// Statements to run before the rows are inserted.
    pub(super) prologue: String,
    /// Statements to run after the rows are inserted.
    pub(super) epilogue: String,
}

/// Returns the tables of a backup with their indexes, and the rows of each that it contains.
pub(super) fn parts(scope: BackupScope) -> impl Iterator<Item = (usize, &'static Table, Rows)> {
    let tables = tables().iter().enumerate();
    tables.filter_map(move |(index, table)| Some((index, table, table.rows(scope)?)))
}

/// Starts to read a snapshot in the background. Reading stops once the receiver is dropped.
pub(super) fn read(core: &Arc<Core>, scope: BackupScope) -> Reading {
    let (sender, receiver) = mpsc::channel(MAX_WAITING_PIECES);
    let buffers = BufferPool::default();
    let pieces = Pieces { sender: sender.clone(), buffers: buffers.clone() };
    let reading = Arc::clone(core);
    match core.db.engine() {
        Engine::Sqlite => {
            core.tasks.spawn_blocking(move || {
                if let Err(error) = sqlite::dump::dump(&reading, scope, &pieces) {
                    // If the receiver is gone, it has stopped for a reason of its own.
                    let _ = sender.blocking_send(Err(error));
                }
            });
        }
        Engine::Postgres => {
            let dumping = async move {
                if let Err(error) = postgres::dump::dump(&reading, scope, &pieces).await {
                    let _ = sender.send(Err(error)).await;
                }
            };
            core.tasks.spawn(tenancy::inherit(dumping));
        }
    }
    Reading { pieces: receiver, buffers }
}

/// Returns the error with which reading stops once the receiver is gone.
pub(super) fn gone() -> crate::Error {
    Fault::Stopping.into()
}

/// Returns the ID of the organization whose log's head a backup records.
pub(super) fn head_of(scope: BackupScope) -> Uuid {
    match scope {
        BackupScope::Instance => Uuid::nil(),
        BackupScope::Organization(id) => id,
    }
}

/// Returns statements that insert what a database needs besides the rows of its only organization:
/// the rows that the first migration inserts into an empty database.
pub(super) fn seeds(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "INSERT INTO organizations (id, slug, name, created_at) VALUES
(zeroblob(16), 'instance', 'This instance', strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'));
INSERT INTO audit_log_heads (organization_id, sequence, hash) VALUES
(zeroblob(16), 0, zeroblob(32));
INSERT INTO job_feed (id, feed, pruned) VALUES (1, 0, 0);
"
        }
        Engine::Postgres => {
            "INSERT INTO organizations (id, slug, name, created_at) VALUES
('00000000-0000-0000-0000-000000000000', 'instance', 'This instance', clock_timestamp());
INSERT INTO audit_log_heads (organization_id, sequence, hash) VALUES
('00000000-0000-0000-0000-000000000000', 0, decode(repeat('00', 32), 'hex'));
INSERT INTO job_feed (id, feed, pruned) VALUES (1, 0, 0);
"
        }
    }
}

/// Returns statements that delete what migrations inserted into the tables that `scope` fills.
pub(super) fn clear(engine: Engine, scope: BackupScope) -> String {
    let parts: Vec<_> = parts(scope).collect();
    let delete = |(_, table, rows): (usize, &Table, Rows)| {
        format!("DELETE FROM {}{};\n", table.name, rows.condition(engine))
    };
    parts.into_iter().rev().map(delete).collect()
}

/// Returns the statement that records the restore and its backup, for the next start of Daybook on
/// the database.
pub(super) fn mark(engine: Engine, job: Uuid, taken_at: DateTime<Utc>) -> String {
    let (job, taken_at) = match engine {
        Engine::Sqlite => {
            let taken_at = taken_at.to_rfc3339_opts(SecondsFormat::AutoSi, false);
            (format!("X'{}'", crate::hex(job.as_bytes())), taken_at)
        }
        Engine::Postgres => {
            (format!("'{job}'"), taken_at.to_rfc3339_opts(SecondsFormat::Micros, true))
        }
    };
    format!("INSERT INTO restores (job_id, taken_at) VALUES ({job}, '{taken_at}');\n")
}
