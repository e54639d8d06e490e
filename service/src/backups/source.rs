//! What a backup reads: one snapshot of the database, table by table, as bytes of the file.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    Tally, postgres, sqlite,
    tables::{BackupScope, Rows, Table, tables},
};
use crate::{Core, Engine, Fault, Result, buffer_pool::BufferPool, tenancy};

/// Bytes of one piece, about.
pub(super) const PIECE: usize = 64 * 1024;
/// Pieces that wait to be written.
const PIECES: usize = 4;

/// A snapshot that is being read.
pub(super) struct Reading {
    pub(super) pieces: mpsc::Receiver<Result<Piece>>,
    /// Takes the bytes of pieces back that were written.
    pub(super) spares: BufferPool,
}

/// Where pieces go that are read.
pub(super) struct Pieces {
    sender: mpsc::Sender<Result<Piece>>,
    spares: BufferPool,
}

impl Pieces {
    pub(super) async fn send(&self, piece: Piece) -> Result<()> {
        self.sender.send(Ok(piece)).await.map_err(|_| gone())
    }

    pub(super) fn blocking_send(&self, piece: Piece) -> Result<()> {
        self.sender.blocking_send(Ok(piece)).map_err(|_| gone())
    }

    /// Empty bytes for a piece.
    pub(super) fn empty(&self) -> Vec<u8> {
        self.spares.take(PIECE + PIECE / 2)
    }
}

/// What the snapshot gives, in this order.
#[derive(Debug)]
pub(super) enum Piece {
    /// Facts about the whole.
    Start(Box<Start>),
    /// Bytes of the file, which hold so many rows of the table with this index.
    Rows { table: usize, bytes: Vec<u8>, rows: u64 },
    /// What the rows of the table with this index came to.
    End { table: usize, tally: Tally },
}

/// Facts about a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// When it was taken.
    pub(super) taken_at: DateTime<Utc>,
    /// Which migrations made the schema.
    pub(super) migrations: Vec<String>,
    /// The log's last sequence and hash: the organization's, or the instance's own.
    pub(super) head: (i64, Vec<u8>),
    /// Makes the tables.
    pub(super) before: String,
    /// Makes what comes after the rows.
    pub(super) after: String,
    /// How many rows it has, about.
    pub(super) rows: i64,
}

/// What is done around the rows that fill a database.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Whose rows they are: only those are compared.
    pub(super) scope: BackupScope,
    /// Statements before them.
    pub(super) before: String,
    /// Statements after them.
    pub(super) after: String,
}

/// The tables of a backup and which of their rows are in it.
pub(super) fn parts(scope: BackupScope) -> impl Iterator<Item = (usize, &'static Table, Rows)> {
    let tables = tables().iter().enumerate();
    tables.filter_map(move |(index, table)| Some((index, table, table.rows(scope)?)))
}

/// Begins to read a snapshot. It ends by itself where nobody receives any more.
pub(super) fn read(core: &Arc<Core>, scope: BackupScope) -> Reading {
    let (sender, receiver) = mpsc::channel(PIECES);
    let spares = BufferPool::default();
    let pieces = Pieces { sender: sender.clone(), spares: spares.clone() };
    let reading = Arc::clone(core);
    match core.db.engine() {
        Engine::Sqlite => {
            core.tasks.spawn_blocking(move || {
                if let Err(error) = sqlite::dump::dump(&reading, scope, &pieces) {
                    // Whoever does not listen any more has its own reason to stop.
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
    Reading { pieces: receiver, spares }
}

/// Why reading stops where the receiver is gone.
pub(super) fn gone() -> crate::Error {
    Fault::Stopping.into()
}

/// Of whom the log is whose head a backup names.
pub(super) fn head_of(scope: BackupScope) -> Uuid {
    match scope {
        BackupScope::Instance => Uuid::nil(),
        BackupScope::Organization(id) => id,
    }
}

/// What a database needs to serve, beside the rows of its only organization: what the first
/// migration puts into an empty one.
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

/// Removes what a migration put into the tables that `scope` fills.
pub(super) fn clear(engine: Engine, scope: BackupScope) -> String {
    let parts: Vec<_> = parts(scope).collect();
    let delete = |(_, table, rows): (usize, &Table, Rows)| {
        format!("DELETE FROM {}{};\n", table.name, rows.condition(engine))
    };
    parts.into_iter().rev().map(delete).collect()
}

/// Tells the next Daybook that starts on the database that it was restored, and from what.
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
