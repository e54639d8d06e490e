//! Batches of rows, on their way from a backup's file into a database.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Table;
use crate::buffer_pool::BufferPool;

/// Canonical lines of one table, each with its line break.
#[derive(Debug)]
pub(super) struct Batch {
    /// Index of the table.
    pub(super) index: usize,
    /// The table, with the columns of the lines.
    pub(super) table: Arc<Table>,
    pub(super) lines: Vec<u8>,
}

/// Maximum number of batches that wait to be restored.
const MAX_WAITING_BATCHES: usize = 4;

/// The receiving side of a reader's batches, used to fill a database.
pub(super) struct Batches {
    receiver: mpsc::Receiver<Batch>,
    buffers: BufferPool,
}

impl Batches {
    /// Creates a channel for batches, whose buffers are returned to `buffers`. Returns both of its
    /// ends.
    pub(super) fn new(buffers: BufferPool) -> (mpsc::Sender<Batch>, Self) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING_BATCHES);
        (sender, Self { receiver, buffers })
    }

    /// Returns the next batch; none once there are no more.
    pub(super) async fn next(&mut self) -> Option<Batch> {
        self.receiver.recv().await
    }

    /// Returns the next batch, blocking the thread; none once there are no more.
    pub(super) fn blocking_next(&mut self) -> Option<Batch> {
        self.receiver.blocking_recv()
    }

    /// Returns the buffer of a batch to the pool, once its rows are in the database.
    pub(super) fn done(&self, batch: Batch) {
        self.buffers.give_back(batch.lines);
    }
}
