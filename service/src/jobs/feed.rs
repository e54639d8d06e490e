//! Watching jobs: every transition in order, none lost, none twice.
//!
//! Events have numbers of the whole instance's feed, given out under a lock that is held to the
//! commit: whoever has read up to `n` will never find a new event below it. A watcher takes its
//! notifier ticket first, reads what follows its position, and waits for bell or tick: what is
//! committed while it reads rings a bell that it already listens to. A slow watcher is not
//! buffered for; it reads on from the table when it comes back.

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
    Error, Result, Scope, Subscription, Topic, access::LiveAccess, metrics, random,
    subscription_limit::CountedSubscription,
};

/// How often a watcher looks where no bell rings, at the most.
const TICK: Duration = Duration::from_secs(2);

/// What to watch.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Only this job; the stream ends after its final transition.
    pub job_id: Option<Uuid>,
    /// Only these kinds.
    pub kinds: Option<Vec<String>>,
    /// Everything since this cursor, instead of a snapshot.
    pub after: Option<String>,
}

/// Something to tell a watcher.
#[derive(Clone, Debug)]
pub struct Update {
    /// What it is.
    pub kind: UpdateKind,
    /// The position to go on from.
    pub cursor: String,
    /// The job, as of this update.
    pub job: Option<Model>,
    /// The state before a transition.
    pub previous: Option<JobState>,
}

/// What an update is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum UpdateKind {
    /// A job as it is when watching begins.
    Snapshot,
    /// All that was there has been told; what follows is live.
    Synced,
    /// A job went from one state to another.
    Transition,
    /// A running job advanced; these may be thinned out.
    Progress,
    /// History after the cursor is no longer kept; a snapshot follows.
    Gap,
}

/// The updates of the scope's organization, or of all for the instance's own scope. It ends with an
/// error once the viewer's right has.
///
/// # Errors
/// A cursor that isn't one of this organization's feed.
pub fn watch(scope: Scope, watch: Watch) -> Result<impl Stream<Item = Result<Update>> + Send> {
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
    // The ticket before the first read.
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
    /// Tell what there is.
    Snapshot,
    /// Go on after a position that a client gave.
    Resume(Position),
    /// Tell what happened since, up to the snapshot that is held, if one is.
    CatchUp(Position),
    /// Tell what happens.
    Live(Position),
    /// Nothing more.
    Done,
}

struct Feed {
    scope: Scope,
    watch: Watch,
    news: Subscription,
    phase: Phase,
    ready: VecDeque<Update>,
    /// A snapshot to be told once all that came before it is.
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

    /// Goes on with what the phase says; whether there is nothing to do but to wait.
    async fn read(&mut self) -> Result<bool> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Snapshot => self.snapshot().await?,
            Phase::Resume(position) => {
                self.phase = if !read::is_kept(&self.scope, position).await? {
                    self.push(UpdateKind::Gap, position.in_snapshot(), None, None);
                    Phase::Snapshot
                } else if position.is_in_snapshot {
                    // Not all of the snapshot was told: what happened up to a new one, then that.
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
        // Looked at before the events: a job that is over by now has its last event among them.
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

    /// A job that is watched alone and is over ends the watch.
    fn finish_or(&self, phase: Phase) -> Phase {
        let over = |update: &Update| {
            update.kind == UpdateKind::Transition
                && update.job.as_ref().is_some_and(|job| is_final(job.state))
        };
        if self.watch.job_id.is_some() && self.ready.iter().any(over) { Phase::Done } else { phase }
    }

    /// Whether nothing has happened.
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
            () = tokio::time::sleep(TICK - jitter) => {}
            () = self.scope.core().stopping.cancelled() => {
                self.phase = Phase::Done;
                return Ok(());
            }
        }
        self.access.renew(&self.scope).await
    }

    /// Reads one round of events into `ready`; the new position, whether that was all, and when the
    /// first of them was. Positions before a snapshot that is held say that it has to be told.
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
