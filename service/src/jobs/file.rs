//! The file that an attempt writes.
//!
//! An attempt can be dropped at any await: when it is canceled, when its time is over. Writing a file
//! and ending it are steps that the store must not be left in the middle of, so each runs in a task
//! of its own that goes on, and whoever gives the file up waits for it.

use std::sync::Arc;

use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    Core, Fault, Result,
    buffer_pool::BufferPool,
    store::{Compression, Ending, Stored, Writer},
};

/// Where the file stands.
#[derive(Default)]
pub(super) enum File {
    /// Not begun, or ended.
    #[default]
    None,
    Open(Pipe),
    Closing(JoinHandle<Result<Stored>>),
}

/// A writer that works in a task of its own, while more is made for it.
pub(super) struct Pipe {
    chunks: mpsc::Sender<Vec<u8>>,
    /// Chunks that were written.
    spares: BufferPool,
    writing: JoinHandle<Result<Writer>>,
}

impl File {
    /// Begins it.
    pub(super) fn open(
        core: &Core,
        key: &str,
        (compression, ending): (Compression, Ending),
    ) -> Result<Self> {
        let writer = core.store.write(key, compression, ending)?;
        // One chunk waits while another is written.
        let (chunks, to_write) = mpsc::channel(1);
        let spares = BufferPool::default();
        let writing = core.tasks.spawn(write_all(writer, to_write, spares.clone()));
        Ok(Self::Open(Pipe { chunks, spares, writing }))
    }

    /// Appends to it; an empty chunk to go on with. What is wrong with this chunk may be said of a
    /// later one.
    pub(super) async fn write(&mut self, chunk: Vec<u8>) -> Result<Vec<u8>> {
        let Self::Open(pipe) = self else { return Err(not_open()) };
        if pipe.chunks.send(chunk).await.is_ok() {
            return Ok(pipe.spares.take(0));
        }
        let written = (&mut pipe.writing).await.map_err(Fault::from)?;
        *self = Self::None;
        // It ends before its chunks do where it failed, and nowhere else.
        written.and_then(|_| Err(not_open()))
    }

    /// Makes it whole, and sees that it is there.
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

    /// Gives up what is not whole. What has become an object is not touched.
    pub(super) async fn give_up(self) {
        match self {
            Self::None => {}
            Self::Open(Pipe { chunks, writing, .. }) => {
                drop(chunks);
                // Failed, it has given itself up.
                if let Ok(Ok(writer)) = writing.await {
                    writer.abort().await;
                }
            }
            Self::Closing(closing) => {
                // Whole or not: it is removed by its key.
                let _ = closing.await;
            }
        }
    }
}

/// Writes chunks as they come; gives the upload up where that fails.
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
    Fault::Stored("the attempt has no file to write to".to_owned()).into()
}
