//! Outcomes of attempts: the transaction in which an attempt's effect becomes visible, and the rescue
//! of jobs whose leases have expired.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{
    artifact,
    job::{self, Column, Entity, JobErrorCode, JobState, Model},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{LockBehavior, LockType},
};
use tokio::sync::Semaphore;

use super::{
    ArtifactLifetime, NewArtifact, cancel,
    record::{TransitionRecord, notify, record},
};
use crate::{
    Core, MAX_INSTANT, Result, Transition,
    batcher::{Batcher, Limits},
    database, random, tenancy, to_micros,
    transition::is_final,
};

/// Pause before the second attempt.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
/// Factor by which each further pause grows. All of a job's pauses together outlast the restart of
/// a database or an artifact store.
const BACKOFF_FACTOR: u32 = 4;
/// Maximum pause between attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(5 * 60);
/// Maximum number of outcomes that one transaction stores.
const MAX_BATCH_ATTEMPTS: usize = 64;
/// Maximum number of jobs that one rescue takes.
const MAX_RESCUED_JOBS: u64 = 100;

/// The way in which an attempt leaves its job.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// The attempt succeeded.
    Succeed {
        /// The artifact, if the kind makes one.
        artifact: Option<Box<NewArtifact>>,
        /// The outcome in the kind's own format, as JSON.
        outcome: String,
    },
    /// The job fails and is not tried again.
    Fail(JobErrorCode, String),
    /// The job is tried again, or fails if that was the last attempt.
    Retry(JobErrorCode, String),
    /// The job is tried again by another process; the attempt does not count.
    Interrupt,
    /// The job is canceled on request.
    Cancel,
}

/// An attempt that ended.
#[derive(Debug)]
struct FinishedAttempt {
    job: Model,
    outcome: Outcome,
}

/// Stores the outcomes of attempts. Attempts that end at the same time share a transaction.
#[derive(Debug)]
pub(super) struct Finisher(Batcher<(), FinishedAttempt, Option<Model>>);

impl Finisher {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        let limits = Limits {
            size: |_: &FinishedAttempt| 1,
            max_batch: MAX_BATCH_ATTEMPTS,
            // The worker limits the attempts that run, and thereby those that can wait here.
            max_waiting: Semaphore::MAX_PERMITS,
        };
        let (tasks, core) = (core.tasks.clone(), Arc::clone(core));
        Self(Batcher::new(tasks, limits, move |(), attempts| {
            let core = Arc::clone(&core);
            Box::pin(tenancy::system(async move {
                let jobs = store(&core, attempts).await?;
                Ok(jobs.into_iter().map(Ok).collect())
            }))
        }))
    }

    /// Ends the attempt that holds `job`, in the transaction in which its effect becomes visible.
    ///
    /// Returns `None` if the attempt has lost its job meanwhile; then nothing is changed. A job that
    /// was asked to stop is canceled, whatever the attempt's outcome.
    pub(super) async fn finish(&self, job: &Model, outcome: Outcome) -> Result<Option<Model>> {
        self.0.submit((), FinishedAttempt { job: job.clone(), outcome }).await
    }
}

/// Stores the outcomes of attempts in one transaction. Returns the job of each attempt, or `None` if
/// the attempt had lost it.
async fn store(
    core: &Arc<Core>,
    attempts: Vec<Arc<FinishedAttempt>>,
) -> Result<Vec<Option<Model>>> {
    let context = (Arc::clone(core), attempts.clone());
    let stored = core.db.transaction(context, |tx, (core, attempts)| {
        Box::pin(async move {
            let now = database::now(tx, &core.clock).await?;
            let running = lock_running(tx, attempts).await?;
            let transitions: Vec<_> = attempts
                .iter()
                .map(|attempt| {
                    let claim = (attempt.job.id, attempt.job.claim);
                    let held = running.iter().find(|job| (job.id, job.claim) == claim);
                    held.map(|job| apply_outcome(job.clone(), &attempt.outcome, now))
                })
                .collect();
            let made: Vec<_> = transitions.iter().flatten().cloned().collect();
            if !made.is_empty() {
                write(tx, &made).await?;
                show_artifacts(tx, core, attempts, &transitions, now).await?;
                record(tx, core, now, &made).await?;
            }
            Ok(transitions)
        })
    });
    let transitions = stored.await?;
    let made: Vec<_> = transitions.iter().flatten().cloned().collect();
    notify(core, &made);
    count(core, &attempts, &transitions);
    Ok(transitions.into_iter().map(|record| record.map(|record| record.job)).collect())
}

/// Updates the metrics for artifacts that became visible, and for attempts that no longer held
/// their job.
fn count(core: &Core, attempts: &[Arc<FinishedAttempt>], transitions: &[Option<TransitionRecord>]) {
    for (attempt, transition) in attempts.iter().zip(transitions) {
        match (&attempt.outcome, transition.as_ref().map(|record| record.transition)) {
            (Outcome::Succeed { artifact, .. }, Some(Transition::Succeeded)) => {
                if let Some(artifact) = artifact {
                    core.metrics.produced(&attempt.job.kind, artifact.row.size_bytes);
                }
            }
            (_, Some(_)) => {}
            (_, None) => core.metrics.stale_claim(),
        }
    }
}

/// Locks and returns those of the attempts' jobs that are still running, some of them perhaps in
/// another attempt.
async fn lock_running(
    tx: &DatabaseTransaction,
    attempts: &[Arc<FinishedAttempt>],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(
            Column::OrganizationId
                .is_in(attempts.iter().map(|attempt| attempt.job.organization_id)),
        )
        .filter(Column::Id.is_in(attempts.iter().map(|attempt| attempt.job.id)))
        .filter(Column::State.eq(JobState::Running))
        // The order in which all transactions lock jobs.
        .order_by_asc(Column::OrganizationId)
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(tx)
        .await
}

/// Makes the artifacts of the attempts that succeeded visible.
async fn show_artifacts(
    tx: &DatabaseTransaction,
    core: &Core,
    attempts: &[Arc<FinishedAttempt>],
    transitions: &[Option<TransitionRecord>],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let ttl = TimeDelta::from_std(core.settings.artifact_ttl).unwrap_or(TimeDelta::MAX);
    let mut artifacts = Vec::new();
    for (attempt, transition) in attempts.iter().zip(transitions) {
        let (Outcome::Succeed { artifact: Some(artifact), .. }, Some(Transition::Succeeded)) =
            (&attempt.outcome, transition.as_ref().map(|record| record.transition))
        else {
            continue;
        };
        let NewArtifact { row, lifetime } = artifact.as_ref();
        let expires_at = match lifetime {
            ArtifactLifetime::Ttl => now.checked_add_signed(ttl).unwrap_or(MAX_INSTANT),
            ArtifactLifetime::UntilRemoved => MAX_INSTANT,
        };
        let row = artifact::Model { created_at: now, expires_at, ..row.clone() };
        artifacts.push(row.into_active_model());
    }
    if !artifacts.is_empty() {
        artifact::Entity::insert_many(artifacts).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Requeues or fails jobs whose lease has expired. Returns how many.
///
/// # Errors
/// A database fault.
pub async fn rescue(core: &Arc<Core>) -> Result<usize> {
    let context = Arc::clone(core);
    let rescued = core.db.transaction(context, |tx, core| {
        Box::pin(async move {
            let now = database::now(tx, &core.clock).await?;
            let stalled = Entity::find()
                .filter(Column::State.eq(JobState::Running))
                .filter(Column::Kind.is_in(core.job_kinds.names()))
                .filter(Column::LeaseUntil.lt(now))
                .order_by_asc(Column::LeaseUntil)
                .limit(MAX_RESCUED_JOBS)
                .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
                .all(tx)
                .await?;
            let reason = "its worker stopped answering".to_owned();
            let outcome = Outcome::Retry(JobErrorCode::Stalled, reason);
            let transitions: Vec<_> =
                stalled.into_iter().map(|job| apply_outcome(job, &outcome, now)).collect();
            if !transitions.is_empty() {
                write(tx, &transitions).await?;
                record(tx, core, now, &transitions).await?;
            }
            Ok(transitions)
        })
    });
    let transitions = tenancy::system(rescued).await?;
    if !transitions.is_empty() {
        notify(core, &transitions);
    }
    Ok(transitions.len())
}

/// Applies an attempt's outcome to its running job, and returns the transition that results.
fn apply_outcome(mut job: Model, outcome: &Outcome, now: DateTime<Utc>) -> TransitionRecord {
    let is_last = job.attempt >= job.max_attempts;
    let mut record_count = None;
    let (transition, error) = match outcome {
        _ if job.cancel_requested_at.is_some() => (Transition::Canceled, None),
        Outcome::Succeed { artifact, outcome } => {
            job.outcome = Some(outcome.clone());
            if let Some(artifact) = artifact {
                job.progress_done = artifact.row.record_count;
                job.progress_total = Some(artifact.row.record_count);
                record_count = Some(artifact.row.record_count);
            }
            (Transition::Succeeded, None)
        }
        Outcome::Fail(code, reason) => (Transition::Failed, Some((*code, reason.clone()))),
        Outcome::Retry(code, reason) if is_last => {
            (Transition::Failed, Some((*code, reason.clone())))
        }
        Outcome::Retry(JobErrorCode::Stalled, reason) => {
            (Transition::Rescued, Some((JobErrorCode::Stalled, reason.clone())))
        }
        Outcome::Retry(code, reason) => (Transition::Retried, Some((*code, reason.clone()))),
        Outcome::Interrupt => (Transition::Interrupted, None),
        Outcome::Cancel => (Transition::Canceled, None),
    };
    job.state = transition.to();
    job.lease_until = None;
    job.leased_by = None;
    job.finished_at = is_final(job.state).then_some(now);
    job.error_code = error.as_ref().map(|(code, _)| *code);
    job.error_message = error.as_ref().map(|(_, reason)| reason.clone());
    match transition {
        // Both engines store whole microseconds.
        Transition::Retried | Transition::Rescued => {
            job.available_at = to_micros(now + backoff(job.attempt));
        }
        Transition::Interrupted => {
            job.available_at = now;
            job.attempt -= 1;
        }
        Transition::Requested
        | Transition::Started
        | Transition::Succeeded
        | Transition::Failed
        | Transition::Canceled => {}
    }
    let reason = if transition == Transition::Canceled {
        cancel::reason(&job)
    } else {
        error.map(|(_, reason)| reason)
    };
    TransitionRecord {
        job,
        from: Some(JobState::Running),
        transition,
        reason,
        record_count,
        circumstances: None,
    }
}

/// Returns the pause after an attempt: exponential, with jitter over its upper half, so that jobs
/// that failed together are not retried together.
fn backoff(attempt: i32) -> TimeDelta {
    let steps = u32::try_from(attempt - 1).unwrap_or(0);
    let longest =
        FIRST_BACKOFF.saturating_mul(BACKOFF_FACTOR.saturating_pow(steps)).min(MAX_BACKOFF);
    let share = f64::from(u16::from_be_bytes(random::bytes())) / f64::from(u16::MAX);
    TimeDelta::from_std(longest.mul_f64(0.5 + share / 2.0)).unwrap_or(TimeDelta::zero())
}

/// Stores the new values of locked jobs. Jobs with equal values share a statement.
async fn write(tx: &DatabaseTransaction, transitions: &[TransitionRecord]) -> Result<(), DbErr> {
    let mut groups: Vec<(job::ActiveModel, Vec<&Model>)> = Vec::new();
    for TransitionRecord { job, .. } in transitions {
        let row = row(job);
        match groups.iter_mut().find(|(same, _)| *same == row) {
            Some((_, jobs)) => jobs.push(job),
            None => groups.push((row, vec![job])),
        }
    }
    for (row, jobs) in groups {
        let written = Entity::update_many()
            .set(row)
            .filter(Column::OrganizationId.is_in(jobs.iter().map(|job| job.organization_id)))
            .filter(Column::Id.is_in(jobs.iter().map(|job| job.id)))
            .exec(tx)
            .await?;
        if written.rows_affected != jobs.len() as u64 {
            let rows = written.rows_affected;
            return Err(DbErr::Custom(format!("{rows} rows of {} locked jobs", jobs.len())));
        }
    }
    Ok(())
}

/// Returns the columns of a job that an attempt's outcome changes.
fn row(job: &Model) -> job::ActiveModel {
    job::ActiveModel {
        state: Set(job.state),
        attempt: Set(job.attempt),
        available_at: match job.state {
            JobState::Queued => Set(job.available_at),
            _ => NotSet,
        },
        finished_at: Set(job.finished_at),
        lease_until: Set(job.lease_until),
        leased_by: Set(job.leased_by.clone()),
        progress_done: Set(job.progress_done),
        progress_total: Set(job.progress_total),
        error_code: Set(job.error_code),
        error_message: Set(job.error_message.clone()),
        outcome: Set(job.outcome.clone()),
        ..Default::default()
    }
}
