//! The file that an attempt writes.
//!
//! An attempt can be dropped at any await: when it is canceled, when its time is over. Beginning and
//! ending a file are steps that the store must not be left in the middle of, so each runs in a task
//! of its own that goes on, and whoever gives the file up waits for it.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{
    Fault, Instance, Result,
    artifacts::{Compression, Stored, Writer},
};

/// Where the file stands.
#[derive(Default)]
pub(super) enum File {
    /// Not begun, or ended.
    #[default]
    None,
    Opening(JoinHandle<Result<Writer>>),
    Open(Box<Writer>),
    Closing(JoinHandle<Result<Stored>>),
}

impl File {
    /// Begins it.
    pub(super) async fn open(
        &mut self,
        instance: &Arc<Instance>,
        key: &str,
        compression: Compression,
    ) -> Result<()> {
        let (instance_, key) = (Arc::clone(instance), key.to_owned());
        let opening = async move { instance_.store.write(&key, compression).await };
        *self = Self::Opening(instance.tasks.spawn(opening));
        let Self::Opening(opening) = self else { return Err(not_open()) };
        let writer = opening.await.map_err(Fault::from)??;
        *self = Self::Open(Box::new(writer));
        Ok(())
    }

    /// Appends to it.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Self::Open(writer) = self else { return Err(not_open()) };
        writer.write(bytes).await
    }

    /// Makes it whole, and sees that it is there.
    pub(super) async fn close(&mut self, instance: &Arc<Instance>) -> Result<Stored> {
        let Self::Open(writer) = std::mem::take(self) else { return Err(not_open()) };
        let instance_ = Arc::clone(instance);
        let closing = async move {
            let stored = writer.finish().await?;
            instance_.store.confirm(&stored).await?;
            Ok(stored)
        };
        *self = Self::Closing(instance.tasks.spawn(closing));
        let Self::Closing(closing) = self else { return Err(not_open()) };
        let stored = closing.await.map_err(Fault::from)?;
        *self = Self::None;
        stored
    }

    /// Gives up what is not whole. What has become an object is not touched.
    pub(super) async fn give_up(self) {
        match self {
            Self::None => {}
            Self::Open(writer) => writer.abort().await,
            Self::Opening(opening) => {
                if let Ok(Ok(writer)) = opening.await {
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

fn not_open() -> crate::Error {
    Fault::Stored("the attempt has no file to write to".to_owned()).into()
}
