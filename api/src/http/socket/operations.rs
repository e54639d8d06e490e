//! The running operations of a connection, and their events.

use std::{collections::HashMap, sync::Arc};

use daybook_service::Instance;
use futures::StreamExt;
use tokio::{
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
};

use super::operation::{Event, Operation};

/// Maximum number of queries and mutations that run at once on a connection, and so of responses that
/// wait for the client.
const MAX_RUNNING_REQUESTS: usize = 4;

/// Event of an operation, with the operation's number and ID.
pub(super) type Delivery = (u64, String, Event);

pub(super) struct Operations {
    /// One task per operation. An operation polled by the connection itself could hold a database
    /// connection while it waits for the client to read, and a few of them would block all others.
    tasks: JoinSet<()>,
    running: HashMap<String, Running>,
    started: u64,
    turns: Arc<Semaphore>,
    /// Channel for one event at a time, first come, first served, so that each operation gets its turn.
    outbox: mpsc::Sender<Delivery>,
    inbox: mpsc::Receiver<Delivery>,
}

struct Running {
    /// Unique, unlike the client's ID, which may be reused.
    number: u64,
    abort: AbortHandle,
    /// Length of the client's message, which is kept while the operation runs.
    bytes: usize,
}

/// An operation panicked, so that the client would never receive an event of it.
pub(super) struct Panicked;

impl Operations {
    pub(super) fn new() -> Self {
        let (outbox, inbox) = mpsc::channel(1);
        Self {
            tasks: JoinSet::new(),
            running: HashMap::new(),
            started: 0,
            turns: Arc::new(Semaphore::new(MAX_RUNNING_REQUESTS)),
            outbox,
            inbox,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Total length of the messages of running operations, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.running.values().map(|running| running.bytes).sum()
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    /// Returns true if `id` still stands for the operation `number`, which may have been completed meanwhile.
    pub(super) fn is_current(&self, id: &str, number: u64) -> bool {
        self.running.get(id).is_some_and(|running| running.number == number)
    }

    pub(super) fn begin(
        &mut self,
        instance: &Instance,
        id: String,
        operation: Operation,
        bytes: usize,
    ) {
        let Operation { is_stream, mut events } = operation;
        self.started += 1;
        let (number, name, outbox) = (self.started, id.clone(), self.outbox.clone());
        let turns = Arc::clone(&self.turns);
        let stopping = instance.stopping.clone();
        let operation = async move {
            let _turn = if is_stream { None } else { turns.acquire_owned().await.ok() };
            while let Some(event) = events.next().await {
                // No `complete` if the process stops, since a client that received it would not
                // reconnect for the rest.
                if is_stream && matches!(event, Event::Completed) && stopping.is_cancelled() {
                    return;
                }
                if outbox.send((number, name.clone(), event)).await.is_err() {
                    return;
                }
            }
        };
        let abort = self.tasks.spawn(instance.tasks.track_future(operation));
        self.running.insert(id, Running { number, abort, bytes });
    }

    pub(super) fn end(&mut self, id: &str) {
        if let Some(Running { abort, .. }) = self.running.remove(id) {
            abort.abort();
        }
    }

    /// Waits for the next event of any operation; forever if none is running.
    ///
    /// # Errors
    /// Returns [`Panicked`] if an operation panicked.
    pub(super) async fn next(&mut self) -> Result<Delivery, Panicked> {
        loop {
            tokio::select! {
                Some(delivery) = self.inbox.recv() => return Ok(delivery),
                Some(ended) = self.tasks.join_next() => match ended {
                    Err(error) if error.is_panic() => return Err(Panicked),
                    Ok(()) | Err(_) => {}
                },
            }
        }
    }
}
