//! The file that an attempt writes.
//!
//! An attempt can be dropped at any await: when it is canceled, or when its time is up. The store
//! must not be left in the middle of writing or completing a file. Each of these steps therefore
//! runs in a task of its own that goes on, and giving the file up waits for that task.

use std::sync::Arc;

use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    Core, Fault, Result,
    buffer_pool::BufferPool,
    store::{Compression, Ending, Stored, Writer},
};

/// The file and its state.
#[derive(Default)]
pub(super) enum File {
    /// No file: not begun, or already completed.
    #[default]
    None,
    Open(Pipe),
    Closing(JoinHandle<Result<Stored>>),
}

/// A writer that works in a task of its own, while the attempt makes the next chunk.
pub(super) struct Pipe {
    chunks: mpsc::Sender<Vec<u8>>,
    /// Chunks that were written, for reuse.
    buffers: BufferPool,
    writing: JoinHandle<Result<Writer>>,
}

impl File {
    /// Begins the file.
    pub(super) fn open(
        core: &Core,
        key: &str,
        (compression, ending): (Compression, Ending),
    ) -> Result<Self> {
        let writer = core.store.write(key, compression, ending)?;
        // One chunk waits while another is written.
        let (chunks, to_write) = mpsc::channel(1);
        let buffers = BufferPool::default();
        let writing = core.tasks.spawn(write_all(writer, to_write, buffers.clone()));
        Ok(Self::Open(Pipe { chunks, buffers, writing }))
    }

    /// Appends a chunk and returns an empty one to fill next. An error of this chunk may be
    /// reported only by a later call.
    pub(super) async fn write(&mut self, chunk: Vec<u8>) -> Result<Vec<u8>> {
        let Self::Open(pipe) = self else { return Err(not_open()) };
        if pipe.chunks.send(chunk).await.is_ok() {
            return Ok(pipe.buffers.take(0));
        }
        let written = (&mut pipe.writing).await.map_err(Fault::from)?;
        *self = Self::None;
        // The task ends before its chunks do only if it failed.
        written.and_then(|_| Err(not_open()))
    }

    /// Completes the file, and checks that the store has it.
    pub(super) async fn close(&mut self, core: &Arc<Core>) -> Result<Stored> {
        let Self::Open(Pipe { chunks, writing, .. }) = std::mem::take(self) else {
            return Err(not_open());
        };
        drop(chunks);
        let core_ = Arc::clone(core);
        let closing = async move {
            let writer = writing.await.map_err(Fault::from)??;
            let stored = writer.finish().await?;
            core_.store.confirm(&stored).await?;
            Ok(stored)
        };
        *self = Self::Closing(core.tasks.spawn(closing));
        let Self::Closing(closing) = self else { return Err(not_open()) };
        let stored = closing.await.map_err(Fault::from)?;
        *self = Self::None;
        stored
    }

    /// Discards a file that is incomplete. A complete object is left in the store.
    pub(super) async fn give_up(self) {
        match self {
            Self::None => {}
            Self::Open(Pipe { chunks, writing, .. }) => {
                drop(chunks);
                // A task that failed has discarded its upload itself.
                if let Ok(Ok(writer)) = writing.await {
                    writer.abort().await;
                }
            }
            Self::Closing(closing) => {
                // Complete or not, the object is removed by its key.
                let _ = closing.await;
            }
        }
    }
}

/// Writes chunks as they come, and discards the upload if that fails.
async fn write_all(
    mut writer: Writer,
    mut chunks: mpsc::Receiver<Vec<u8>>,
    written: BufferPool,
) -> Result<Writer> {
    while let Some(chunk) = chunks.recv().await {
        match writer.write(chunk).await {
            Ok(spare) => written.give_back(spare),
            Err(error) => {
                writer.abort().await;
                return Err(error);
            }
        }
    }
    Ok(writer)
}

fn not_open() -> crate::Error {
    Fault::Bug("the attempt has no file to write to".to_owned()).into()
}
