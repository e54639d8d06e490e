//! The database work of one client's operation: the client that its reads count for, and the counts
//! that it has made.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::{OnceCell, Semaphore};

use crate::Result;

/// Most concurrent reads of one operation.
const MAX_OPERATION_READS: usize = 4;
/// Most concurrent scans of one operation.
const MAX_OPERATION_SCANS: usize = 2;
/// Most concurrent look-ups of permissions by one operation.
const MAX_OPERATION_LOOKUPS: usize = 2;

tokio::task_local! {
    static OPERATION: Operation;
    static SCANNING: ();
}

/// A query, mutation or subscription of one client. Its reads share a few slots at the database.
#[derive(Clone, Debug)]
pub struct Operation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: String,
    share: Arc<Share>,
    kind: Kind,
    /// What the client can change if the operation takes too long.
    advice: Mutex<Option<&'static str>>,
}

#[derive(Debug)]
enum Kind {
    /// A query, which remembers the counts that it has made.
    Query(Mutex<Counts>),
    Mutation,
    /// A subscription, which takes turns with all others at [`crate::Database`].
    Subscription,
}

/// The slots of an operation, a credential or an organization.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) reads: Arc<Semaphore>,
    pub(crate) scans: Arc<Semaphore>,
    pub(crate) lookups: Arc<Semaphore>,
}

impl Share {
    pub(crate) fn new(reads: usize, scans: usize, lookups: usize) -> Arc<Self> {
        Arc::new(Self {
            reads: Arc::new(Semaphore::new(reads)),
            scans: Arc::new(Semaphore::new(scans)),
            lookups: Arc::new(Semaphore::new(lookups)),
        })
    }

    /// Returns the slots of a new operation.
    fn of_operation() -> Arc<Self> {
        Self::new(MAX_OPERATION_READS, MAX_OPERATION_SCANS, MAX_OPERATION_LOOKUPS)
    }
}

/// Counts by the key of what was counted. Each count is made once.
type Counts = HashMap<Vec<u8>, Arc<OnceCell<u64>>>;

impl Operation {
    /// Creates a query of `client`, a credential or an address. Equal counts within the query are
    /// made once.
    #[must_use]
    pub fn query(client: String) -> Self {
        Self::new(client, Kind::Query(Mutex::default()))
    }

    /// Creates a mutation of `client`.
    #[must_use]
    pub fn mutation(client: String) -> Self {
        Self::new(client, Kind::Mutation)
    }

    /// Creates a subscription of `client`.
    #[must_use]
    pub fn subscription(client: String) -> Self {
        Self::new(client, Kind::Subscription)
    }

    fn new(client: String, kind: Kind) -> Self {
        let share = Share::of_operation();
        Self(Arc::new(Inner { client, share, kind, advice: Mutex::default() }))
    }

    /// Runs `work` as part of this operation.
    pub async fn run<F: Future>(self, work: F) -> F::Output {
        OPERATION.scope(self, work).await
    }

    /// Runs each step of `answers` as part of this operation.
    pub fn run_stream<S: Stream>(self, answers: S) -> impl Stream<Item = S::Item> {
        let mut answers = Box::pin(answers);
        stream::poll_fn(move |cx| {
            OPERATION.sync_scope(self.clone(), || answers.poll_next_unpin(cx))
        })
    }

    /// Returns what the client can change if the operation takes too long.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        *self.0.advice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn client(&self) -> &str {
        &self.0.client
    }

    pub(crate) fn share(&self) -> &Arc<Share> {
        &self.0.share
    }

    /// Returns true for a subscription, which takes turns with all others for its keyed reads.
    pub(crate) fn is_subscription(&self) -> bool {
        matches!(self.0.kind, Kind::Subscription)
    }

    /// Returns the operation that this task runs; none for the instance's own work.
    #[must_use]
    pub fn current() -> Option<Self> {
        OPERATION.try_with(Clone::clone).ok()
    }
}

/// Marks reads whose cost grows with the log: counts, searches, histograms. Only a few of them run
/// at once.
pub(crate) async fn scan<F: Future>(reads: F) -> F::Output {
    SCANNING.scope((), reads).await
}

/// Stores what the client can change if the current operation takes too long.
pub(crate) fn advise(advice: &'static str) {
    if let Some(Operation(operation)) = Operation::current() {
        *operation.advice.lock().unwrap_or_else(PoisonError::into_inner) = Some(advice);
    }
}

/// Returns true within [`scan`].
pub(crate) fn is_scanning() -> bool {
    SCANNING.try_with(|()| ()).is_ok()
}

/// Runs `count`, but only once for each `what` within one query.
///
/// # Errors
/// The errors of `count`. A failed count is not remembered.
pub(crate) async fn count_once<F>(what: &impl Serialize, count: F) -> Result<u64>
where
    F: Future<Output = Result<u64>>,
{
    let operation = Operation::current();
    let Some(Kind::Query(counts)) = operation.as_ref().map(|operation| &operation.0.kind) else {
        return scan(count).await;
    };
    let key = serde_json::to_vec(what).expect("what is counted is named by text and numbers");
    let cell = {
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(counts.entry(key).or_default())
    };
    cell.get_or_try_init(|| scan(count)).await.copied()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;

    async fn made(operation: Operation, whats: &[&str]) -> usize {
        let made = AtomicUsize::new(0);
        let count = async |what: &&str| {
            let count = async { Ok(made.fetch_add(1, Ordering::Relaxed) as u64) };
            count_once(what, count).await.expect("a count")
        };
        operation.run(join_all(whats.iter().map(count))).await;
        made.into_inner()
    }

    #[tokio::test]
    async fn query_makes_equal_counts_once_and_others_make_each() {
        let whats = ["a", "b", "a", "a"];
        assert_eq!(made(Operation::query("ada".to_owned()), &whats).await, 2);
        assert_eq!(made(Operation::mutation("ada".to_owned()), &whats).await, 4);
    }

    #[tokio::test]
    async fn failed_count_is_made_again() {
        let operation = Operation::query("ada".to_owned());
        operation
            .run(async {
                let failed = async { Err(crate::Fault::Stopping.into()) };
                assert!(count_once(&"a", failed).await.is_err());
                assert_eq!(count_once(&"a", async { Ok(3) }).await.expect("a count"), 3);
            })
            .await;
    }
}
