//! A dedicated thread for one export's slow work. Compressing takes tens of milliseconds, which is
//! too long for a thread that serves other tasks. And an allocator keeps some of the memory that
//! each thread has freed: if any thread of a pool could do the work, each would keep that memory.

use std::thread;

use tokio::sync::mpsc;

use crate::{Fault, Result};

/// Handle of the thread, which ends when the handle is dropped.
pub(super) struct Thread<T> {
    to_do: mpsc::UnboundedSender<T>,
    done: mpsc::UnboundedReceiver<Result<T>>,
}

impl<T: Send + 'static> Thread<T> {
    /// Starts the thread. It does one piece of work after another by calling `work`, which returns
    /// the piece with its result.
    pub(super) fn spawn(
        name: &str,
        mut work: impl FnMut(T) -> Result<T> + Send + 'static,
    ) -> Result<Self> {
        let (to_do, mut waiting) = mpsc::unbounded_channel();
        let (answers, done) = mpsc::unbounded_channel();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Some(next) = waiting.blocking_recv() {
                if answers.send(work(next)).is_err() {
                    break;
                }
            }
        });
        let context = || "can't start a thread".to_owned();
        thread.map_err(|source| Fault::Io { context: context(), source })?;
        Ok(Self { to_do, done })
    }

    /// Does a piece of work, and waits until it is done.
    pub(super) async fn run(&mut self, work: T) -> Result<T> {
        let gone = || Fault::Bug("the thread that writes a file has ended".to_owned());
        self.to_do.send(work).map_err(|_| gone())?;
        self.done.recv().await.ok_or_else(gone)?
    }
}
