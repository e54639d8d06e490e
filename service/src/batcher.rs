//! Stores items that arrive one by one in batches, so that they share a transaction.
//!
//! While one batch of a key is stored, further items of that key wait and become the next batch.
//! An item is stored even if its caller is gone, and an item that can't be stored does not fail its
//! neighbors.

use std::{
    collections::{HashMap, VecDeque},
    fmt::{self, Debug, Formatter},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::BoxFuture;
use sea_orm::DbErr;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::task::TaskTracker;

use crate::{Error, Fault, Result};

/// Bounds on what is stored together and on what waits.
#[derive(Debug)]
pub(crate) struct Limits<T> {
    /// Returns the size of an item.
    pub(crate) size: fn(&T) -> usize,
    /// Maximum size of a batch, at least 1; the last item may exceed it.
    pub(crate) max_batch: usize,
    /// Maximum size of all items that wait or are being stored; beyond it, callers wait to submit.
    pub(crate) max_waiting: usize,
}

/// Stores a batch of one key, all or nothing, and returns the answer of each item, in order. An
/// error means that nothing was stored, unless it is [`Fault::CommitUnknown`].
type Store<K, T, R> =
    dyn Fn(K, Vec<Arc<T>>) -> BoxFuture<'static, Result<Vec<Result<R>>>> + Send + Sync;

/// Items of type `T` that wait under keys of type `K`, and are answered with an `R`.
pub(crate) struct Batcher<K, T, R>(Arc<Queues<K, T, R>>);

struct Queues<K, T, R> {
    store: Box<Store<K, T, R>>,
    limits: Limits<T>,
    tasks: TaskTracker,
    /// Waiting items by key, in order. A key has a queue while a task stores its batches, even if
    /// the queue is empty.
    waiting: Mutex<HashMap<K, VecDeque<Waiting<T, R>>>>,
    capacity: Arc<Semaphore>,
}

struct Waiting<T, R> {
    item: Arc<T>,
    answer: oneshot::Sender<Result<R>>,
    _capacity: OwnedSemaphorePermit,
}

impl<K, T, R> Batcher<K, T, R>
where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    /// Creates a batcher that calls `store` in tasks of `tasks`, one at a time for each key.
    pub(crate) fn new<F>(tasks: TaskTracker, limits: Limits<T>, store: F) -> Self
    where
        F: Fn(K, Vec<Arc<T>>) -> BoxFuture<'static, Result<Vec<Result<R>>>> + Send + Sync + 'static,
    {
        let capacity = Arc::new(Semaphore::new(limits.max_waiting));
        let (store, waiting) = (Box::new(store), Mutex::default());
        Self(Arc::new(Queues { store, limits, tasks, waiting, capacity }))
    }

    /// Submits `item` and waits for its answer. Items of one key are stored in the order in which
    /// they came to wait.
    ///
    /// # Errors
    /// The item's own error, or that of the batch if the item was alone in it;
    /// [`Fault::CommitUnknown`] if the item may or may not have been stored.
    pub(crate) async fn submit(&self, key: K, item: T) -> Result<R> {
        let Self(queues) = self;
        // An item that exceeds the whole capacity waits until nothing else does.
        let size = (queues.limits.size)(&item).min(queues.limits.max_waiting);
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let capacity = Arc::clone(&queues.capacity).acquire_many_owned(size).await;
        let capacity = capacity.expect("nobody closes it");
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { item: Arc::new(item), answer, _capacity: capacity };
        if queues.push(key, waiting) {
            let drain = Drain { queues: Arc::clone(queues), key, is_finished: false };
            queues.tasks.spawn(drain.run());
        }
        answered.await.map_err(|_| {
            let message = "the task that stores the batch ended early".to_owned();
            Fault::CommitUnknown(DbErr::Custom(message))
        })?
    }
}

impl<K: Copy + Eq + Hash, T, R> Queues<K, T, R> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, VecDeque<Waiting<T, R>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item to the queue of its key. Returns true if no task stores for the key yet.
    fn push(&self, key: K, waiting: Waiting<T, R>) -> bool {
        let mut queues = self.lock();
        let is_idle = !queues.contains_key(&key);
        queues.entry(key).or_default().push_back(waiting);
        is_idle
    }

    /// Takes the next batch of a key. If nothing waits, returns `None` and removes the queue.
    fn take(&self, key: K) -> Option<Vec<Waiting<T, R>>> {
        let mut queues = self.lock();
        let queue = queues.get_mut(&key).filter(|queue| !queue.is_empty());
        let Some(queue) = queue else {
            queues.remove(&key);
            return None;
        };
        let mut batch_size = 0;
        let fits = |waiting: &&Waiting<T, R>| {
            let is_room = batch_size < self.limits.max_batch;
            batch_size += (self.limits.size)(&waiting.item);
            is_room
        };
        let count = queue.iter().take_while(fits).count();
        Some(queue.drain(..count).collect())
    }

    /// Stores a batch and answers each of its callers, some of whom may be gone.
    async fn store(&self, key: K, mut batch: Vec<Waiting<T, R>>) {
        let items = batch.iter().map(|waiting| Arc::clone(&waiting.item)).collect();
        match (self.store)(key, items).await {
            Ok(answers) => {
                for (waiting, answer) in batch.into_iter().zip(answers) {
                    let _ = waiting.answer.send(answer);
                }
            }
            // The batch may be stored: storing it again could store it twice.
            Err(Error::Fault(Fault::CommitUnknown(error))) => {
                for waiting in batch {
                    let unknown = Fault::CommitUnknown(error.clone());
                    let _ = waiting.answer.send(Err(unknown.into()));
                }
            }
            Err(error) if batch.len() == 1 => {
                if let Some(waiting) = batch.pop() {
                    let _ = waiting.answer.send(Err(error));
                }
            }
            Err(error) => {
                tracing::warn!(%error, items = batch.len(), "a batch failed: storing one by one");
                for waiting in batch {
                    let stored = (self.store)(key, vec![waiting.item]).await;
                    // Without an answer the caller learns that the outcome is unknown.
                    if let Some(answer) = stored.map(|mut answers| answers.pop()).transpose() {
                        let _ = waiting.answer.send(answer.flatten());
                    }
                }
            }
        }
    }
}

impl<K, T, R> Clone for Batcher<K, T, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T, R> Debug for Batcher<K, T, R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher").field("capacity", &self.0.capacity).finish_non_exhaustive()
    }
}

/// The task that stores the batches of one key until nothing waits. If it ends early, because
/// `store` panicked or the runtime is shutting down, all who wait get an error, and the next item
/// starts a new task.
struct Drain<K: Copy + Eq + Hash, T, R> {
    queues: Arc<Queues<K, T, R>>,
    key: K,
    is_finished: bool,
}

impl<K: Copy + Eq + Hash, T, R> Drain<K, T, R> {
    async fn run(mut self) {
        while let Some(batch) = self.queues.take(self.key) {
            self.queues.store(self.key, batch).await;
        }
        self.is_finished = true;
    }
}

impl<K: Copy + Eq + Hash, T, R> Drop for Drain<K, T, R> {
    fn drop(&mut self) {
        if !self.is_finished {
            // Dropping what waits answers it.
            let lost = self.queues.lock().remove(&self.key);
            let items = lost.map_or(0, |lost| lost.len());
            tracing::error!(items, "a task that stores batches ended early");
        }
    }
}

#[cfg(test)]
mod tests;
