//! Signals that something changed; readers then read from their own cursors.
//!
//! A notification carries no data. A lost, late or repeated one costs latency, never data, because
//! every subscriber also checks at a slow interval. Subscribe first, then read, then wait on the
//! subscription: a commit in between notifies a subscription that already exists.

mod nats;
mod postgres;
mod wire;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

pub use nats::Nats;
pub(crate) use nats::{Subjects, relay as relay_by_nats};
pub(crate) use postgres::relay as relay_by_postgres;

/// The subject of a notification.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Jobs of any organization that wait for a worker.
    Queue,
    /// Jobs of one organization.
    Jobs(Uuid),
    /// Jobs of all organizations.
    AllJobs,
    /// The audit log of one organization.
    AuditLog(Uuid),
    /// The permissions of a subject in an organization, as a hash of both.
    Rights(Uuid),
}

/// The subscriptions of this process, and the notifications to send to other processes.
#[derive(Clone, Debug, Default)]
pub struct Notifier {
    topics: Arc<Mutex<HashMap<Topic, watch::Sender<()>>>>,
    outbox: Arc<Outbox>,
    /// True if NATS carries notifications between this process and others.
    is_connected: Arc<AtomicBool>,
}

/// Topics that were notified here but not yet in other processes. Many notifications of a topic
/// leave one.
#[derive(Debug, Default)]
struct Outbox {
    topics: Mutex<HashSet<Topic>>,
    filled: Notify,
}

/// A subscription to a topic. Notifications since it was made, or since the last wait, are not
/// missed.
#[derive(Debug)]
pub struct Subscription(watch::Receiver<()>);

impl Notifier {
    /// Subscribes to `topic`.
    #[must_use]
    pub fn subscribe(&self, topic: Topic) -> Subscription {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        // Topics of subjects are rarely notified, and would stay after their subscribers are gone.
        if topics.len() == topics.capacity() {
            topics.retain(|_, sender| sender.receiver_count() > 0);
        }
        let sender = topics.entry(topic).or_insert_with(|| watch::Sender::new(()));
        Subscription(sender.subscribe())
    }

    /// Notifies `topic`'s subscribers in this process and in others. Call this after COMMIT.
    pub fn notify(&self, topic: Topic) {
        self.notify_here(topic);
        let mut topics = self.outbox.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.insert(topic);
        self.outbox.filled.notify_one();
    }

    /// Notifies `topic`'s subscribers in this process.
    pub(crate) fn notify_here(&self, topic: Topic) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = topics.get(&topic)
            && sender.send(()).is_err()
        {
            topics.remove(&topic);
        }
    }

    /// Returns true if NATS is in use and carries notifications between this process and others.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// Sets the state of the connection to NATS. Returns the previous state.
    fn set_connected(&self, is_connected: bool) -> bool {
        self.is_connected.swap(is_connected, Ordering::Relaxed)
    }

    /// Notifies all subscribers in this process, because notifications may have been lost.
    fn notify_all_here(&self) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.retain(|_, sender| sender.send(()).is_ok());
    }

    /// Waits for topics to notify in other processes, and takes them.
    async fn outgoing(&self) -> HashSet<Topic> {
        loop {
            let topics = {
                let mut topics = self.outbox.topics.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut *topics)
            };
            if !topics.is_empty() {
                return topics;
            }
            self.outbox.filled.notified().await;
        }
    }
}

impl Subscription {
    /// Returns true if the topic was notified since the last wait or take.
    pub(crate) fn take(&mut self) -> bool {
        // A removed topic sends nothing any more, so its subscriber should read.
        let is_rung = self.0.has_changed().unwrap_or(true);
        self.0.mark_unchanged();
        is_rung
    }

    /// Waits for the next notification; returns at once if there was one since the last wait.
    pub async fn notified(&mut self) {
        if self.0.changed().await.is_err() {
            // The topic was removed without subscribers; the slow interval covers for it.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ring_between_listening_and_waiting_is_heard() {
        let notifier = Notifier::default();
        let mut ticket = notifier.subscribe(Topic::Queue);
        notifier.notify(Topic::Queue);
        ticket.notified().await;
    }

    #[tokio::test]
    async fn bell_without_listeners_is_taken_down() {
        let notifier = Notifier::default();
        drop(notifier.subscribe(Topic::Queue));
        notifier.notify(Topic::Queue);
        assert!(notifier.topics.lock().expect("no panic").is_empty());
    }
}
