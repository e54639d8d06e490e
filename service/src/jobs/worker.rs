//! The worker: claims jobs while it has room, runs their attempts, and rescues the jobs that other
//! workers left.

pub(super) mod state;

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use daybook_entity::job::{self, JobErrorCode, JobState};
use futures::FutureExt;
use sea_orm::ActiveEnum;
use tokio::runtime::Handle;
use tracing::Instrument;
use uuid::Uuid;

use super::{
    Attempt, AttemptError, Success, claim,
    claim::Capacity,
    finish::{self, Outcome},
    lease::{self, LeaseStatus},
};
use crate::{Core, Engine, Result, Topic, access, tenancy, trace};
use state::Worker;

/// Interval between two reads of the queue without a notification, and between two rescues.
const CLAIM_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum duration of one attempt, 6 h.
const MAX_ATTEMPT_DURATION: Duration = Duration::from_secs(6 * 3600);
/// Intervals between two checks of a running attempt's lease: without a notification, 2 s, and at
/// least, 200 ms.
const LEASE_CHECK_INTERVALS: (Duration, Duration) =
    (Duration::from_secs(2), Duration::from_millis(200));

/// Claims and runs jobs until the process stops. Spawned once in each process that runs jobs.
pub async fn work(worker: Arc<Worker>) {
    let core = &worker.core;
    let slots = Arc::new(Slots::new(core.settings.job_concurrency));
    let mut news = core.notifier.subscribe(Topic::Queue);
    let mut tick = tokio::time::interval(CLAIM_POLL_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        if let Err(error) = fill(&worker, &slots).await {
            tracing::error!(%error, "claiming jobs failed; trying again at the next tick");
        }
        tokio::select! {
            () = core.stopping.cancelled() => return,
            () = news.notified() => {}
            _ = tick.tick() => {
                if let Err(error) = finish::rescue(core).await {
                    tracing::error!(%error, "rescuing stalled jobs failed");
                }
            }
        }
    }
}

/// The places for concurrent attempts in this process.
struct Slots {
    capacity: usize,
    taken: Mutex<SlotsInUse>,
}

#[derive(Default)]
struct SlotsInUse {
    running: HashMap<Uuid, usize>,
    last: Uuid,
}

impl Slots {
    fn new(capacity: usize) -> Self {
        Self { capacity, taken: Mutex::default() }
    }

    fn capacity(&self) -> Capacity {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.capacity.saturating_sub(taken.running.values().sum());
        Capacity { free, running: taken.running.clone(), last: taken.last }
    }

    fn take(&self, organization_id: Uuid) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken.running.entry(organization_id).or_default() += 1;
        taken.last = organization_id;
    }

    fn give_back(&self, organization_id: Uuid) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.running.get_mut(&organization_id) {
            *count -= 1;
            if *count == 0 {
                taken.running.remove(&organization_id);
            }
        }
    }
}

/// Claims and starts jobs until there is no room or nothing to do.
async fn fill(worker: &Arc<Worker>, slots: &Arc<Slots>) -> Result<()> {
    let core = &worker.core;
    loop {
        // Attempts that end together first give their places back, so that one claim serves all of
        // them.
        tokio::task::yield_now().await;
        let capacity = slots.capacity();
        if capacity.free == 0 || core.stopping.is_cancelled() {
            return Ok(());
        }
        let jobs = claim::claim(worker, capacity).await?;
        if jobs.is_empty() {
            return Ok(());
        }
        for job in jobs {
            slots.take(job.organization_id);
            let (worker, slots) = (Arc::clone(worker), Arc::clone(slots));
            start(core, async move {
                let organization_id = job.organization_id;
                tenancy::only(organization_id, run(&worker, job)).await;
                slots.give_back(organization_id);
                // There is room now for a job that may have waited.
                worker.core.notifier.notify_here(Topic::Queue);
            });
        }
    }
}

/// Starts an attempt. On SQLite it gets a thread of its own, since it reads the database in the
/// thread where it runs: it holds up no other task, and the memory that it frees is reused there,
/// while a task that moves between threads would leave some in each.
fn start(core: &Core, attempt: impl Future<Output = ()> + Send + 'static) {
    match core.db.engine() {
        Engine::Postgres => drop(core.tasks.spawn(attempt)),
        Engine::Sqlite => {
            drop(core.tasks.spawn_blocking(|| Handle::current().block_on(attempt)));
        }
    }
}

/// Runs one attempt to its end, however it ends.
async fn run(worker: &Arc<Worker>, job: job::Model) {
    let core = &worker.core;
    let span = tracing::info_span!(
        "job.attempt",
        job.id = %job.id,
        job.kind = job.kind,
        job.attempt = job.attempt,
        organization.id = %job.organization_id,
        request.id = job.request_id,
        traceparent = job.traceparent,
    );
    trace::join(&span, job.traceparent.as_deref());
    async {
        let mut attempt = Attempt::new(Arc::clone(core), job.clone());
        let end = tokio::select! {
            end = execute(worker, &mut attempt) => end,
            end = watch_over(core, &job) => Err(end),
        };
        conclude(worker, attempt, end).await;
    }
    .instrument(span)
    .await;
}

/// Does the attempt's work, none of which is visible before [`conclude`].
///
/// # Errors
/// The attempt's end, if it did not succeed.
pub async fn execute(worker: &Worker, attempt: &mut Attempt) -> Result<Success, AttemptError> {
    let work = async {
        check_right(&attempt.core, &attempt.job).await?;
        worker.kinds.run(attempt).await
    };
    // A panic fails only this attempt.
    match tokio::time::timeout(MAX_ATTEMPT_DURATION, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(end)) => end,
        Ok(Err(_)) => {
            tracing::error!("attempt panicked");
            Err(AttemptError::Retry(JobErrorCode::Internal, "a fault of Daybook's".to_owned()))
        }
        Err(_) => {
            Err(AttemptError::Retry(JobErrorCode::Timeout, "it took longer than it may".to_owned()))
        }
    }
}

/// Checks that the requester may have the job done now, whatever was allowed when the job was
/// requested.
async fn check_right(core: &Core, job: &job::Model) -> Result<(), AttemptError> {
    // Claims skip jobs that this build can't read.
    let Some(work) = core.job_kinds.readable_work(job) else {
        return Err(AttemptError::Interrupted);
    };
    if access::may_have_job_done(core, job, work.permission()).await? {
        return Ok(());
    }
    let reason = "whoever asked for it may not do so any more".to_owned();
    Err(AttemptError::Fail(JobErrorCode::AccessRevoked, reason))
}

/// Returns when the attempt must stop: soon after a notification, whatever the work is waiting for.
async fn watch_over(core: &Core, job: &job::Model) -> AttemptError {
    let (most, least) = LEASE_CHECK_INTERVALS;
    let mut news = core.notifier.subscribe(Topic::Jobs(job.organization_id));
    loop {
        tokio::time::sleep(least).await;
        match lease::check(core, job).await {
            Ok(LeaseStatus::Held) => {}
            Ok(LeaseStatus::CancelRequested) => return AttemptError::Canceled,
            Ok(LeaseStatus::Lost) => return AttemptError::Lost,
            Err(error) => tracing::warn!(%error, "an attempt could not be looked after"),
        }
        tokio::select! {
            () = news.notified() => {}
            () = tokio::time::sleep(most) => {}
        }
    }
}

/// Stores the attempt's outcome, and removes its file unless the file is to stay.
pub async fn conclude(worker: &Worker, mut attempt: Attempt, end: Result<Success, AttemptError>) {
    std::mem::take(&mut attempt.file).give_up().await;
    let is_kept = store_outcome(worker, &attempt.job, end).await;
    if let Some(key) = attempt.object_key.filter(|_| !is_kept)
        && let Err(error) = attempt.core.store.remove(&key).await
    {
        tracing::warn!(artifact.key = key, %error, "an unused object stays for the sweep");
    }
}

/// Stores the attempt's outcome. Returns true if its object is to stay.
async fn store_outcome(
    worker: &Worker,
    job: &job::Model,
    end: Result<Success, AttemptError>,
) -> bool {
    let outcome = match end {
        Ok(Success { artifact, outcome }) => {
            Outcome::Succeed { artifact: artifact.map(Box::new), outcome }
        }
        Err(AttemptError::Retry(code, reason)) => Outcome::Retry(code, reason),
        Err(AttemptError::Fail(code, reason)) => Outcome::Fail(code, reason),
        Err(AttemptError::Interrupted) => Outcome::Interrupt,
        Err(AttemptError::Canceled) => Outcome::Cancel,
        Err(AttemptError::Lost) => {
            worker.core.metrics.stale_claim();
            tracing::warn!("the attempt lost its job; nothing of it is kept");
            return false;
        }
    };
    match worker.finisher.finish(job, outcome).await {
        Ok(Some(job)) if job.state == JobState::Failed => {
            let code = job.error_code.map(|code| code.to_value());
            tracing::error!(error.code = code, error = job.error_message, "job failed");
            false
        }
        Ok(Some(job)) => {
            tracing::info!(job.state = ?job.state, job.error = job.error_message, "attempt ended");
            job.state == JobState::Succeeded
        }
        Ok(None) => {
            tracing::warn!("the attempt lost its job; nothing of it is kept");
            false
        }
        // It is unknown if the artifact is visible: the sweep will find out, and the lease will
        // expire.
        Err(error) => {
            tracing::error!(%error, "the outcome was not stored; the lease will expire");
            true
        }
    }
}
