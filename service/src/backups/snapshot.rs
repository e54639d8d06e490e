//! A snapshot of the database, in pieces on their way to the file.

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::TableDigest;
use crate::{Error, Fault, Result, buffer_pool::BufferPool};

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
    /// Creates a channel for the pieces of a snapshot. Returns both of its ends.
    pub(super) fn new() -> (Self, Reading) {
        let (sender, pieces) = mpsc::channel(MAX_WAITING_PIECES);
        let buffers = BufferPool::default();
        (Self { sender, buffers: buffers.clone() }, Reading { pieces, buffers })
    }

    pub(super) async fn send(&self, piece: Piece) -> Result<()> {
        self.sender.send(Ok(piece)).await.map_err(|_| gone())
    }

    pub(super) fn blocking_send(&self, piece: Piece) -> Result<()> {
        self.sender.blocking_send(Ok(piece)).map_err(|_| gone())
    }

    /// Reports that the snapshot can't be read any further.
    pub(super) async fn fail(&self, error: Error) {
        // If the receiver is gone, it has stopped for a reason of its own.
        let _ = self.sender.send(Err(error)).await;
    }

    /// Reports that the snapshot can't be read any further, blocking the thread.
    pub(super) fn blocking_fail(&self, error: Error) {
        let _ = self.sender.blocking_send(Err(error));
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

/// Returns the error with which reading stops once the receiver is gone.
pub(super) fn gone() -> Error {
    Fault::Stopping.into()
}
