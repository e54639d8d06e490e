//! Signals that say only "look": readers re-read from their own cursor.
//!
//! A ring is never the message. Lost, late or doubled rings cost latency, never data, for every
//! listener also looks on a slow tick. Take the ticket first, then read, then wait on the ticket:
//! what is committed in between rings a bell that is already being listened to.

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

/// What there is to look at.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Jobs that wait for a worker, of any organization.
    Queue,
    /// Jobs of one organization.
    Jobs(Uuid),
    /// Jobs of all organizations.
    AllJobs,
    /// An organization's audit log.
    AuditLog(Uuid),
    /// The rights of a subject in an organization, as a hash of both.
    Rights(Uuid),
}

/// The process's bells, and what other processes are to be told.
#[derive(Clone, Debug, Default)]
pub struct Notifier {
    bells: Arc<Mutex<HashMap<Topic, watch::Sender<()>>>>,
    outbox: Arc<Outbox>,
    /// Whether NATS carries rings to other processes and theirs to this one.
    is_connected: Arc<AtomicBool>,
}

/// Topics that rang here and not yet elsewhere: a storm of rings leaves one of each.
#[derive(Debug, Default)]
struct Outbox {
    topics: Mutex<HashSet<Topic>>,
    filled: Notify,
}

/// A place at a news: rings since it was taken, or since the last wait, are not missed.
#[derive(Debug)]
pub struct Subscription(watch::Receiver<()>);

impl Notifier {
    /// Takes a place at `topic`'s bell.
    #[must_use]
    pub fn subscribe(&self, topic: Topic) -> Subscription {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of subjects hardly ever ring, and would stay when their watchers are gone.
        if bells.len() == bells.capacity() {
            bells.retain(|_, bell| bell.receiver_count() > 0);
        }
        let sender = bells.entry(topic).or_insert_with(|| watch::Sender::new(()));
        Subscription(sender.subscribe())
    }

    /// Tells `topic`'s listeners to look, here and in other processes. Call it after COMMIT.
    pub fn notify(&self, topic: Topic) {
        self.notify_here(topic);
        let mut topics = self.outbox.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.insert(topic);
        self.outbox.filled.notify_one();
    }

    /// Tells this process's listeners to look.
    pub(crate) fn notify_here(&self, topic: Topic) {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(&topic)
            && bell.send(()).is_err()
        {
            bells.remove(&topic);
        }
    }

    /// Whether NATS, where it's used, carries rings between this process and others.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// Gives what it was before.
    fn set_connected(&self, is_connected: bool) -> bool {
        self.is_connected.swap(is_connected, Ordering::Relaxed)
    }

    /// Tells all of this process's listeners to look: rings may have been lost.
    fn notify_all_here(&self) {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.retain(|_, bell| bell.send(()).is_ok());
    }

    /// Waits for rings to pass on, and takes them.
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
    /// Returns true if it rang since the last wait or take.
    pub(crate) fn take(&mut self) -> bool {
        // A bell that was taken down says nothing any more: whoever asks is to look.
        let is_rung = self.0.has_changed().unwrap_or(true);
        self.0.mark_unchanged();
        is_rung
    }

    /// Waits for the next ring, or answers at once where it rang since the last wait.
    pub async fn notified(&mut self) {
        if self.0.changed().await.is_err() {
            // The bell was taken down with nobody listening; the slow tick covers for it.
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
        assert!(notifier.bells.lock().expect("no panic").is_empty());
    }
}
