//! Watching jobs: every transition in order, without loss or repetition.
//!
//! Events are numbered across the whole instance, under a lock that is held until the commit: a
//! reader that has reached `n` never finds a new event below it. A watcher first subscribes to the
//! notifier, then reads what follows its position, then waits for a notification or a timeout. A
//! transition that is committed during the read therefore notifies a subscription that already
//! exists. Nothing is buffered for a slow watcher, which reads on from the table when it comes
//! back.

mod position;
mod read;

use std::{collections::VecDeque, time::Duration};

use chrono::{DateTime, Utc};
use daybook_entity::job::{JobState, Model};
use futures::{Stream, stream};
use uuid::Uuid;

pub(super) use position::Position;

use crate::transition::is_final;
use crate::{
    Error, Permission, Result, Scope, Subscription, Topic, access::LiveAccess, metrics, random,
    subscription_limit::CountedSubscription,
};

/// Maximum interval between two reads of a watcher that is not notified.
const READ_INTERVAL: Duration = Duration::from_secs(2);

/// The jobs to watch, and the position to start from.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Watches only this job; the stream ends after its final transition.
    pub job_id: Option<Uuid>,
    /// Watches only jobs of these kinds.
    pub kinds: Option<Vec<String>>,
    /// Begins with everything after this cursor, instead of a snapshot.
    pub after: Option<String>,
}

/// An update that a watcher receives.
#[derive(Clone, Debug)]
pub struct Update {
    /// The kind of update, which decides which fields are set.
    pub kind: UpdateKind,
    /// The position after this update, from which a watch can be resumed.
    pub cursor: String,
    /// The job as of this update; none for `Synced` and `Gap`.
    pub job: Option<Model>,
    /// The job's state before a transition; none for other kinds of update, and for the first
    /// transition.
    pub previous: Option<JobState>,
}

/// The kind of an update.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum UpdateKind {
    /// A job as it was when the watch began.
    Snapshot,
    /// All earlier updates have been sent; what follows is live.
    Synced,
    /// A job changed its state.
    Transition,
    /// A running job advanced; some of these updates may be left out.
    Progress,
    /// The history after the cursor is no longer kept; a snapshot follows.
    Gap,
}

/// Watches the jobs of the scope's organization, or all jobs for the instance's own scope. The
/// stream ends with an error once the viewer's right is revoked.
///
/// # Errors
/// A cursor that is not of this organization's feed; RATE_LIMITED if the organization has too many
/// subscriptions.
pub fn watch(scope: Scope, watch: Watch) -> Result<impl Stream<Item = Result<Update>> + Send> {
    // The right to see the one job that is watched is checked when the job is read.
    if watch.job_id.is_none() {
        scope.require(Permission::ReadJobs)?;
    }
    let position = match &watch.after {
        Some(cursor) => {
            let message = "is not a cursor of this organization's jobs";
            let position = Position::open(&scope, cursor);
            Some(position.ok_or_else(|| Error::invalid(&["after"], message))?)
        }
        None => None,
    };
    let topic = if super::is_everywhere(&scope) {
        Topic::AllJobs
    } else {
        Topic::Jobs(scope.organization_id())
    };
    // Subscribe before the first read.
    let news = scope.core().notifier.subscribe(topic);
    let feed = Feed {
        news,
        phase: match position {
            Some(position) => Phase::Resume(position),
            None => Phase::Snapshot,
        },
        ready: VecDeque::new(),
        held: None,
        progress_since: scope.core().clock.now(),
        access: LiveAccess::begin(&scope),
        _watcher: scope.count_subscription()?,
        scope,
        watch,
    };
    Ok(stream::unfold(feed, |mut feed| async move {
        let update = feed.next().await?;
        if update.is_err() {
            feed.phase = Phase::Done;
            feed.ready.clear();
        }
        Some((update, feed))
    }))
}

enum Phase {
    /// Send the jobs as they are.
    Snapshot,
    /// Resume after a position that the client gave.
    Resume(Position),
    /// Send what happened after the position, up to the held snapshot, if there is one.
    CatchUp(Position),
    /// Send what happens.
    Live(Position),
    /// The stream has ended.
    Done,
}

struct Feed {
    scope: Scope,
    watch: Watch,
    news: Subscription,
    phase: Phase,
    ready: VecDeque<Update>,
    /// A snapshot to send once everything before it has been sent.
    held: Option<(Position, Vec<Model>)>,
    progress_since: DateTime<Utc>,
    access: LiveAccess,
    _watcher: CountedSubscription,
}

impl Feed {
    async fn next(&mut self) -> Option<Result<Update>> {
        loop {
            if let Some(update) = self.ready.pop_front() {
                return match self.access.renew(&self.scope).await {
                    Ok(()) => Some(Ok(update)),
                    Err(error) => Some(Err(error)),
                };
            }
            if matches!(self.phase, Phase::Done) {
                return None;
            }
            if let Err(error) = self.step().await {
                return Some(Err(error));
            }
        }
    }

    async fn step(&mut self) -> Result<()> {
        let turn = self.scope.core().db.watcher_turn().await;
        let is_idle = self.read().await?;
        drop(turn);
        if is_idle { self.wait().await } else { Ok(()) }
    }

    /// Does the next step of the phase. Returns true if there is nothing to do but wait.
    async fn read(&mut self) -> Result<bool> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Snapshot => self.snapshot().await?,
            Phase::Resume(position) => {
                self.phase = if !read::is_kept(&self.scope, position).await? {
                    self.push(UpdateKind::Gap, position.in_snapshot(), None, None);
                    Phase::Snapshot
                } else if position.is_in_snapshot {
                    // The client did not receive the whole snapshot: send what happened up to a new
                    // one, then that.
                    self.held = Some(read::snapshot(&self.scope, &self.watch).await?);
                    Phase::CatchUp(position)
                } else {
                    Phase::CatchUp(position)
                };
            }
            Phase::CatchUp(position) => self.catch_up(position).await?,
            Phase::Live(position) => return self.live(position).await,
            Phase::Done => {}
        }
        Ok(false)
    }

    async fn catch_up(&mut self, position: Position) -> Result<()> {
        // Read before the events: if the job has ended by now, its last event is among them.
        let is_over = read::is_over(&self.scope, &self.watch).await?;
        let (position, is_all, _) = self.events(position).await?;
        self.phase = if !is_all {
            Phase::CatchUp(position)
        } else if let Some((position, jobs)) = self.held.take() {
            self.tell_snapshot(position, jobs)
        } else {
            self.push(UpdateKind::Synced, position, None, None);
            if is_over { Phase::Done } else { self.finish_or(Phase::Live(position)) }
        };
        Ok(())
    }

    async fn snapshot(&mut self) -> Result<()> {
        let (position, jobs) = read::snapshot(&self.scope, &self.watch).await?;
        self.phase = self.tell_snapshot(position, jobs);
        Ok(())
    }

    fn tell_snapshot(&mut self, position: Position, jobs: Vec<Model>) -> Phase {
        let is_over = self.watch.job_id.is_some() && jobs.iter().all(|job| is_final(job.state));
        for job in jobs {
            self.push(UpdateKind::Snapshot, position.in_snapshot(), Some(job), None);
        }
        self.push(UpdateKind::Synced, position, None, None);
        if is_over { Phase::Done } else { Phase::Live(position) }
    }

    /// Returns the phase that follows: `phase`, or the end if the one job that is watched has
    /// ended.
    fn finish_or(&self, phase: Phase) -> Phase {
        let over = |update: &Update| {
            update.kind == UpdateKind::Transition
                && update.job.as_ref().is_some_and(|job| is_final(job.state))
        };
        if self.watch.job_id.is_some() && self.ready.iter().any(over) { Phase::Done } else { phase }
    }

    /// Reads what happened after `position`. Returns true if nothing did.
    async fn live(&mut self, position: Position) -> Result<bool> {
        let advanced = read::progress(&self.scope, &self.watch, self.progress_since).await?;
        let (position, is_all, oldest) = self.events(position).await?;
        if let Some(oldest) = oldest {
            let core = self.scope.core();
            core.metrics.fed(metrics::Feed::Jobs, core.clock.now() - oldest);
        }
        self.phase = self.finish_or(Phase::Live(position));
        for job in advanced {
            self.progress_since = self.progress_since.max(job.progress_at.unwrap_or_default());
            let is_outdated = self.ready.iter().any(|update| {
                let later = update.job.as_ref().filter(|later| later.id == job.id);
                later.is_some_and(|later| later.state != JobState::Running)
            });
            if !is_outdated && job.progress_done > 0 {
                self.push(UpdateKind::Progress, position, Some(job), None);
            }
        }
        Ok(self.ready.is_empty() && is_all)
    }

    async fn wait(&mut self) -> Result<()> {
        let jitter = Duration::from_millis(u64::from(random::bytes::<1>()[0]));
        tokio::select! {
            () = self.news.notified() => {}
            () = self.access.questioned() => {}
            () = tokio::time::sleep(READ_INTERVAL - jitter) => {}
            () = self.scope.core().stopping.cancelled() => {
                self.phase = Phase::Done;
                return Ok(());
            }
        }
        self.access.renew(&self.scope).await
    }

    /// Reads one round of events into `ready`. Returns the new position, true if no more events are
    /// left, and the time of the first event. Positions before a held snapshot say that the
    /// snapshot has yet to be sent.
    async fn events(
        &mut self,
        position: Position,
    ) -> Result<(Position, bool, Option<DateTime<Utc>>)> {
        let through = self.held.as_ref().map(|(position, _)| *position);
        let round = read::events(&self.scope, &self.watch, position, through).await?;
        let is_held = self.held.is_some();
        let oldest = round.events.first().map(|(event, _)| event.at);
        let mark = |position: Position| if is_held { position.in_snapshot() } else { position };
        for (event, job) in round.events {
            let position = mark(Position::at(event.feed, event.fingerprint));
            let previous = event.from_state;
            let job = read::as_of(job, &event);
            self.push(UpdateKind::Transition, position, Some(job), previous);
        }
        Ok((mark(round.position), round.is_all, oldest))
    }

    fn push(
        &mut self,
        kind: UpdateKind,
        position: Position,
        job: Option<Model>,
        previous: Option<JobState>,
    ) {
        let cursor = position.seal(&self.scope);
        self.ready.push_back(Update { kind, cursor, job, previous });
    }
}
