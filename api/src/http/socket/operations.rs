//! A connection's operations: which ones run, and what they have to tell.

use std::{collections::HashMap, sync::Arc};

use daybook_service::Instance;
use futures::StreamExt;
use tokio::{
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
};

use super::operation::{Event, Operation};

/// Most of them that are queries or mutations under way: so many answers wait for a client at the
/// most.
const MAX_RUNNING_REQUESTS: usize = 4;

/// What an operation tells: its number, its id, the event.
pub(super) type Told = (u64, String, Event);

pub(super) struct Operations {
    /// Tasks of their own: one that waited here for the client to read would wait with a
    /// connection to the database in hand, and few of them would keep everyone from it.
    tasks: JoinSet<()>,
    running: HashMap<String, Running>,
    started: u64,
    turns: Arc<Semaphore>,
    /// One event at a time, first come, first served: each operation gets its turn.
    outbox: mpsc::Sender<Told>,
    inbox: mpsc::Receiver<Told>,
}

struct Running {
    /// The client's id may be given again; this is not.
    number: u64,
    abort: AbortHandle,
    /// What the client sent for it, which is held as long as it runs.
    bytes: usize,
}

/// An operation ended without a word: nobody would ever hear of it again.
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

    /// Length of all that the client sent for those that run.
    pub(super) fn bytes(&self) -> usize {
        self.running.values().map(|running| running.bytes).sum()
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    /// Whether the operation `number` still runs as `id`: it may have been completed meanwhile.
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
                // It ends with this process, not with what it tells: a client that heard
                // `complete` would not come back for the rest.
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

    /// What one of them has to tell. Waits for it; for ever where nothing runs.
    ///
    /// # Errors
    /// [`Panicked`].
    pub(super) async fn next(&mut self) -> Result<Told, Panicked> {
        loop {
            tokio::select! {
                Some(told) = self.inbox.recv() => return Ok(told),
                Some(ended) = self.tasks.join_next() => match ended {
                    Err(error) if error.is_panic() => return Err(Panicked),
                    Ok(()) | Err(_) => {}
                },
            }
        }
    }
}
