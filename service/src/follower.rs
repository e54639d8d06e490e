//! Following a sequence that grows at its end: the jobs' feed, an organization's log.
//!
//! A follower first subscribes to the notifier, then reads what follows its position, then waits
//! for a notification or a timeout. What is committed during a read therefore notifies a
//! subscription that already exists, so nothing is lost. Nothing is buffered for a slow subscriber
//! beyond one round: it reads on from the tables when it comes back.

use std::{collections::VecDeque, time::Duration};

use chrono::{DateTime, Utc};
use futures::{Stream, stream};

use crate::{
    Result, Scope, Subscription, Topic, access::LiveAccess, database::WatcherTurn, metrics, random,
    subscription_limit::CountedSubscription,
};

/// Maximum interval between two reads of a follower that is not notified.
const READ_INTERVAL: Duration = Duration::from_secs(2);

/// A sequence that grows at its end, and what of it is to be delivered.
///
/// A source keeps nothing of its followers: all that a follower has read is in its position.
/// Therefore one read can serve all followers of a source that are at the same position.
pub(crate) trait Source: Send + Sync {
    /// The name of the sequence in metrics.
    const FEED: metrics::Feed;
    /// A place in the sequence, from which a follower reads on.
    type Position: Send;
    /// An item to deliver.
    type Item: Send;

    /// Reads one round of what follows `position`, in order. A read that takes long may give up its
    /// turn before.
    ///
    /// # Errors
    /// What follows `position` is no longer kept, or a fault. The error ends the stream.
    fn read(
        &self,
        scope: &Scope,
        turn: WatcherTurn,
        position: Self::Position,
    ) -> impl Future<Output = Result<Round<Self::Position, Self::Item>>> + Send;
}

/// The result of one read.
#[derive(Debug)]
pub(crate) struct Round<P, T> {
    /// The items to deliver next.
    pub(crate) items: Vec<T>,
    /// The time at which the first of them was written; none if delay says nothing about them.
    pub(crate) first_at: Option<DateTime<Utc>>,
    /// The step after the delivery.
    pub(crate) next: Next<P>,
}

/// The step of a follower after it has delivered a round.
#[derive(Debug)]
pub(crate) enum Next<P> {
    /// Read on at once: there may be more.
    Read(P),
    /// Wait for news: all that had been committed when the round was read is delivered.
    Wait(P),
    /// End the stream: nothing more will follow.
    End,
}

/// A subscriber that is to follow a sequence with the rights of its scope.
#[derive(Debug)]
pub(crate) struct Follower {
    scope: Scope,
    news: Subscription,
    access: LiveAccess,
    _counted: CountedSubscription,
}

impl Follower {
    /// Subscribes to `topic`. Choose the position from which to follow after this call, so that
    /// nothing is lost in between.
    ///
    /// # Errors
    /// RATE_LIMITED if the organization has too many subscriptions.
    pub(crate) fn subscribe(scope: Scope, topic: Topic) -> Result<Self> {
        let news = scope.core().notifier.subscribe(topic);
        let access = LiveAccess::begin(&scope);
        let counted = scope.count_subscription()?;
        Ok(Self { scope, news, access, _counted: counted })
    }

    /// Returns the scope whose rights the subscriber has.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Follows `source` from `position` on. The stream ends with an error once the scope's right is
    /// revoked, and without one when the process stops.
    pub(crate) fn follow<S: Source>(
        self,
        source: S,
        position: S::Position,
    ) -> impl Stream<Item = Result<S::Item>> + Send {
        let (ready, next) = (VecDeque::new(), Next::Read(position));
        let following = Following { follower: self, source, ready, next, is_live: false };
        stream::unfold(following, |mut following| async move {
            let item = following.next().await.transpose()?;
            if item.is_err() {
                following.ready.clear();
                following.next = Next::End;
            }
            Some((item, following))
        })
    }

    /// Waits until there may be something to read. Returns false if the process is stopping.
    async fn wait(&mut self) -> bool {
        // Followers that begin together do not read together for ever.
        let jitter = Duration::from_millis(u64::from(random::bytes::<1>()[0]));
        tokio::select! {
            () = self.news.notified() => true,
            () = self.access.revalidation_requested() => true,
            () = tokio::time::sleep(READ_INTERVAL - jitter) => true,
            () = self.scope.core().stopping.cancelled() => false,
        }
    }
}

struct Following<S: Source> {
    follower: Follower,
    source: S,
    /// Items that were read but not yet delivered.
    ready: VecDeque<S::Item>,
    next: Next<S::Position>,
    /// True once the subscriber has received everything that was written before.
    is_live: bool,
}

impl<S: Source> Following<S> {
    async fn next(&mut self) -> Result<Option<S::Item>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                self.follower.access.renew(&self.follower.scope).await?;
                return Ok(Some(item));
            }
            let position = match std::mem::replace(&mut self.next, Next::End) {
                Next::Read(position) => position,
                Next::Wait(position) => {
                    if !self.follower.wait().await {
                        return Ok(None);
                    }
                    position
                }
                Next::End => return Ok(None),
            };
            self.read(position).await?;
        }
    }

    async fn read(&mut self, position: S::Position) -> Result<()> {
        let Follower { scope, access, .. } = &mut self.follower;
        access.renew(scope).await?;
        let core = scope.core();
        let turn = core.db.watcher_turn().await;
        let Round { items, first_at, next } = self.source.read(scope, turn, position).await?;
        if let (true, Some(first_at)) = (self.is_live, first_at) {
            core.metrics.fed(S::FEED, core.clock.now() - first_at);
        }
        self.is_live |= matches!(next, Next::Wait(_));
        self.ready.extend(items);
        self.next = next;
        Ok(())
    }
}
