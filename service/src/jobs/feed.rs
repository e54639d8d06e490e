//! Watching jobs: every transition in order, without loss or repetition.
//!
//! Events are numbered across the whole instance, under a lock that is held until the commit: a
//! reader that has reached `n` never finds a new event below it.

mod position;
mod read;
mod watch;

use chrono::{DateTime, Utc};
use daybook_entity::{
    job::{JobState, Model},
    job_event,
};
use futures::Stream;

pub(super) use position::Position;
pub use watch::Watch;

use crate::transition::is_final;
use crate::{
    Error, Permission, Result, Scope, Topic,
    database::WatcherTurn,
    follower::{Follower, Next, Round, Source},
    metrics,
};

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
    let phase = match &watch.after {
        Some(cursor) => {
            let message = "is not a cursor of this organization's jobs";
            let position = Position::open(&scope, cursor);
            Phase::Resume(position.ok_or_else(|| Error::invalid(&["after"], message))?)
        }
        None => Phase::Snapshot,
    };
    let topic = if super::is_everywhere(&scope) {
        Topic::AllJobs
    } else {
        Topic::Jobs(scope.organization_id())
    };
    let feed = Feed { watch, began_at: scope.core().clock.now() };
    Ok(Follower::subscribe(scope, topic)?.follow(feed, phase))
}

/// The jobs that a follower watches.
struct Feed {
    watch: Watch,
    /// Progress is sent if it was made after this time.
    began_at: DateTime<Utc>,
}

/// The next part of the feed for a follower.
enum Phase {
    /// The jobs as they are.
    Snapshot,
    /// The events after a position that the client gave.
    Resume(Position),
    /// The events after the position, up to the held snapshot, if there is one.
    CatchUp(Position, Option<HeldSnapshot>),
    /// New events after the position, and progress after this time.
    Live(Position, DateTime<Utc>),
}

/// A snapshot to send once everything before it has been sent.
struct HeldSnapshot {
    position: Position,
    jobs: Vec<Model>,
}

impl Source for Feed {
    const FEED: metrics::Feed = metrics::Feed::Jobs;
    type Position = Phase;
    type Item = Update;

    async fn read(
        &self,
        scope: &Scope,
        _turn: WatcherTurn,
        phase: Phase,
    ) -> Result<Round<Phase, Update>> {
        match phase {
            Phase::Snapshot => {
                let snapshot = self.read_snapshot(scope).await?;
                let (items, next) = self.snapshot(scope, snapshot);
                Ok(Round { items, first_at: None, next })
            }
            Phase::Resume(position) => self.resume(scope, position).await,
            Phase::CatchUp(position, held) => self.catch_up(scope, position, held).await,
            Phase::Live(position, progress_since) => {
                self.live(scope, position, progress_since).await
            }
        }
    }
}

impl Feed {
    async fn read_snapshot(&self, scope: &Scope) -> Result<HeldSnapshot> {
        let (position, jobs) = read::snapshot(scope, &self.watch).await?;
        Ok(HeldSnapshot { position, jobs })
    }

    /// Returns the updates of a snapshot, and what follows them.
    fn snapshot(
        &self,
        scope: &Scope,
        HeldSnapshot { position, jobs }: HeldSnapshot,
    ) -> (Vec<Update>, Next<Phase>) {
        let is_over = self.watch.job_id.is_some() && jobs.iter().all(|job| is_final(job.state));
        let in_snapshot = position.in_snapshot();
        let update = |job| Update::new(scope, UpdateKind::Snapshot, in_snapshot, Some(job));
        let mut updates: Vec<_> = jobs.into_iter().map(update).collect();
        updates.push(Update::new(scope, UpdateKind::Synced, position, None));
        (updates, self.live_unless(is_over, position))
    }

    /// Returns what follows once a follower has received everything up to `position`.
    fn live_unless(&self, is_over: bool, position: Position) -> Next<Phase> {
        if is_over { Next::End } else { Next::Wait(Phase::Live(position, self.began_at)) }
    }

    /// Determines how to go on after a cursor.
    async fn resume(&self, scope: &Scope, position: Position) -> Result<Round<Phase, Update>> {
        let mut items = Vec::new();
        let phase = if !read::is_kept(scope, position).await? {
            items.push(Update::new(scope, UpdateKind::Gap, position.in_snapshot(), None));
            Phase::Snapshot
        } else if position.is_in_snapshot {
            // The client did not receive the whole snapshot: send what happened up to a new one,
            // then that.
            Phase::CatchUp(position, Some(self.read_snapshot(scope).await?))
        } else {
            Phase::CatchUp(position, None)
        };
        Ok(Round { items, first_at: None, next: Next::Read(phase) })
    }

    async fn catch_up(
        &self,
        scope: &Scope,
        position: Position,
        held: Option<HeldSnapshot>,
    ) -> Result<Round<Phase, Update>> {
        // Read before the events: if the job has ended by now, its last event is among them.
        let is_over = read::is_over(scope, &self.watch).await?;
        let through = held.as_ref().map(|held| held.position);
        let read::Round { events, position, is_all } =
            read::events(scope, &self.watch, position, through).await?;
        // Positions before a held snapshot say that the snapshot has yet to be sent.
        let is_held = held.is_some();
        let mark = move |position: Position| match is_held {
            true => position.in_snapshot(),
            false => position,
        };
        let first_at = events.first().map(|(event, _)| event.at);
        let mut items: Vec<_> = transitions(scope, events, mark).collect();
        let next = match held {
            held if !is_all => Next::Read(Phase::CatchUp(mark(position), held)),
            Some(held) => {
                let (snapshot, next) = self.snapshot(scope, held);
                items.extend(snapshot);
                next
            }
            None => {
                let is_over = is_over || self.ends(&items);
                items.push(Update::new(scope, UpdateKind::Synced, position, None));
                self.live_unless(is_over, position)
            }
        };
        Ok(Round { items, first_at, next })
    }

    /// Reads what happened after `position`, and progress made after `since`.
    async fn live(
        &self,
        scope: &Scope,
        position: Position,
        mut since: DateTime<Utc>,
    ) -> Result<Round<Phase, Update>> {
        let advanced = read::progress(scope, &self.watch, since).await?;
        let read::Round { events, position, is_all } =
            read::events(scope, &self.watch, position, None).await?;
        let first_at = events.first().map(|(event, _)| event.at);
        let mut items: Vec<_> = transitions(scope, events, |position| position).collect();
        let is_over = self.ends(&items);
        for job in advanced {
            since = since.max(job.progress_at.unwrap_or_default());
            let is_outdated = items.iter().any(|update| {
                let later = update.job.as_ref().filter(|later| later.id == job.id);
                later.is_some_and(|later| later.state != JobState::Running)
            });
            if !is_outdated && job.progress_done > 0 {
                items.push(Update::new(scope, UpdateKind::Progress, position, Some(job)));
            }
        }
        let next = match (is_over, is_all) {
            (true, _) => Next::End,
            (false, true) => Next::Wait(Phase::Live(position, since)),
            (false, false) => Next::Read(Phase::Live(position, since)),
        };
        Ok(Round { items, first_at, next })
    }

    /// True if one job is watched and its final transition is among `updates`.
    fn ends(&self, updates: &[Update]) -> bool {
        let is_last = |update: &Update| {
            update.kind == UpdateKind::Transition
                && update.job.as_ref().is_some_and(|job| is_final(job.state))
        };
        self.watch.job_id.is_some() && updates.iter().any(is_last)
    }
}

/// Returns the updates about `events`, with the cursors of the events' positions as `mark` returns
/// them.
fn transitions(
    scope: &Scope,
    events: Vec<(job_event::Model, Model)>,
    mark: impl Fn(Position) -> Position,
) -> impl Iterator<Item = Update> {
    events.into_iter().map(move |(event, job)| {
        let position = mark(Position::at(event.feed, event.fingerprint));
        let job = read::as_of(job, &event);
        let update = Update::new(scope, UpdateKind::Transition, position, Some(job));
        Update { previous: event.from_state, ..update }
    })
}

impl Update {
    fn new(scope: &Scope, kind: UpdateKind, position: Position, job: Option<Model>) -> Self {
        Self { kind, cursor: position.seal(scope), job, previous: None }
    }
}
