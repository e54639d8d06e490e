//! Ending attempts: the transaction in which an effect becomes visible, and what becomes of jobs
//! whose attempts fell silent.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{
    artifact,
    job::{self, Column, Entity, JobErrorCode, JobKind, JobState, Model},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, Iterable, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};

use tokio::sync::oneshot;

use super::{
    Arrow, Lasts,
    arrow::is_final,
    cancel,
    lease::{claim_key, held},
    record::{Move, record, ring},
};
use crate::{Error, Fault, Instance, Result, database, random, to_micros};

/// Pause before the second attempt; it doubles with each further one.
const BACKOFF: Duration = Duration::from_millis(500);
/// Longest pause between attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(5 * 60);
/// The last microsecond of the year 9999.
const FOREVER: i64 = 253_402_300_799_999_999;
/// Most ends of one transaction.
const BATCH: usize = 64;
/// Most jobs of one rescue.
const RESCUE: u64 = 100;

/// How an attempt leaves its job.
#[derive(Clone, Debug)]
pub(super) enum Finish {
    /// With an artifact.
    Succeed {
        /// The artifact; its dates are set by the finishing transaction.
        artifact: Box<artifact::Model>,
        /// JSON of the kind's own outcome.
        outcome: String,
        /// How long the artifact is there.
        lasts: Lasts,
    },
    /// For good.
    Fail(JobErrorCode, String),
    /// To be tried anew, or failed where that was the last attempt.
    Retry(JobErrorCode, String),
    /// To be tried anew by another process; the attempt doesn't count.
    Interrupt,
    /// On request.
    Cancel,
}

/// Ends the attempt that holds `job`: the transaction in which its effect becomes visible. Attempts
/// that end while one transaction runs share the next one.
///
/// None where the attempt has lost its job meanwhile: then nothing was changed. A job that was
/// asked to stop is canceled, whatever the attempt came to.
pub(super) async fn finish(
    instance: &Arc<Instance>,
    job: &Model,
    finish: Finish,
) -> Result<Option<Model>> {
    let (answer, answered) = oneshot::channel();
    let ended = Arc::new(Ended { job: job.clone(), finish });
    if instance.finisher.push((ended, answer)) {
        let instance_ = Arc::clone(instance);
        instance.tasks.spawn(async move { drain(&instance_).await });
    }
    answered.await.map_err(|_| Fault::Stopping)?
}

/// An attempt that ended.
#[derive(Debug)]
struct Ended {
    job: Model,
    finish: Finish,
}

type Waiting = (Arc<Ended>, oneshot::Sender<Result<Option<Model>>>);

/// Attempts that wait for a transaction.
#[derive(Debug, Default)]
pub(crate) struct Finisher {
    /// A list is here while a task stores ends.
    waiting: Mutex<Option<Vec<Waiting>>>,
}

impl Finisher {
    /// Adds to the list; true where nobody stores ends yet.
    fn push(&self, waiting: Waiting) -> bool {
        let mut list = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_idle = list.is_none();
        list.get_or_insert_default().push(waiting);
        is_idle
    }

    /// The next ends to store; none ends the task that does.
    fn take(&self) -> Vec<Waiting> {
        let mut list = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let batch: Vec<_> = match &mut *list {
            Some(waiting) => waiting.drain(..waiting.len().min(BATCH)).collect(),
            None => Vec::new(),
        };
        if batch.is_empty() {
            *list = None;
        }
        batch
    }
}

/// Stores ends until nothing waits.
async fn drain(instance: &Arc<Instance>) {
    loop {
        let batch = instance.finisher.take();
        if batch.is_empty() {
            return;
        }
        let ended: Vec<_> = batch.iter().map(|(ended, _)| Arc::clone(ended)).collect();
        let is_alone = ended.len() == 1;
        match store(instance, ended).await {
            Ok(jobs) => {
                for ((_, answer), job) in batch.into_iter().zip(jobs) {
                    // Whoever went away has its end stored all the same.
                    let _ = answer.send(Ok(job));
                }
            }
            Err(error) if is_alone => {
                if let Some((_, answer)) = batch.into_iter().next() {
                    let _ = answer.send(Err(error));
                }
            }
            // They may be stored: told as lost, their files would be removed.
            Err(Error::Fault(Fault::CommitUnknown(error))) => {
                for (_, answer) in batch {
                    let unknown = Fault::CommitUnknown(error.clone());
                    let _ = answer.send(Err(unknown.into()));
                }
            }
            // Nothing was stored; one that can't be does not keep the others from it.
            Err(error) => {
                tracing::warn!(%error, ends = batch.len(), "storing ends one by one");
                for (ended, answer) in batch {
                    let stored = store(instance, vec![ended]).await;
                    let _ = answer.send(stored.map(|mut jobs| jobs.pop().flatten()));
                }
            }
        }
    }
}

/// Stores the ends of some attempts in one transaction: for each its job, or none where it was lost.
async fn store(instance: &Arc<Instance>, ended: Vec<Arc<Ended>>) -> Result<Vec<Option<Model>>> {
    let context = (Arc::clone(instance), ended);
    let stored = instance.db.transaction(context, |tx, (instance, ended)| {
        Box::pin(async move {
            let now = database::now(tx, &instance.clock).await?;
            let mut moves = vec![None; ended.len()];
            // In the order of their ids, as everyone locks jobs.
            let mut order: Vec<_> = (0..ended.len()).collect();
            order.sort_by_key(|index| (ended[*index].job.organization_id, ended[*index].job.id));
            for index in order {
                moves[index] = end(tx, instance, &ended[index], now).await?;
            }
            let made: Vec<_> = moves.iter().flatten().cloned().collect();
            if !made.is_empty() {
                record(tx, instance, now, &made).await?;
            }
            Ok(moves)
        })
    });
    let moves = stored.await?;
    let made: Vec<_> = moves.iter().flatten().cloned().collect();
    ring(instance, &made);
    Ok(moves.into_iter().map(|step| step.map(|step| step.job)).collect())
}

async fn end(
    tx: &DatabaseTransaction,
    instance: &Instance,
    Ended { job, finish }: &Ended,
    now: DateTime<Utc>,
) -> std::result::Result<Option<Move>, DbErr> {
    let Some(held) = held(tx, job).await? else { return Ok(None) };
    let step = settle(held, finish, now);
    write(tx, &step.job).await?;
    if let (Finish::Succeed { artifact, lasts, .. }, Arrow::Succeeded) = (finish, step.arrow) {
        let ttl = TimeDelta::from_std(instance.settings.artifact_ttl).unwrap_or(TimeDelta::MAX);
        let mut artifact = artifact::Model::clone(artifact);
        artifact.created_at = now;
        artifact.expires_at = match lasts {
            Lasts::Ttl => now.checked_add_signed(ttl).unwrap_or(DateTime::<Utc>::MAX_UTC),
            Lasts::UntilRemoved => DateTime::from_timestamp_micros(FOREVER).unwrap_or(now),
        };
        artifact::Entity::insert(artifact.into_active_model()).exec_without_returning(tx).await?;
    }
    Ok(Some(step))
}

/// Takes jobs whose lease ran out away from their attempts; how many.
///
/// # Errors
/// A database fault.
pub async fn rescue(instance: &Arc<Instance>) -> Result<usize> {
    let context = Arc::clone(instance);
    let rescued = instance.db.transaction(context, |tx, instance| {
        Box::pin(async move {
            let now = database::now(tx, &instance.clock).await?;
            let stalled = Entity::find()
                .filter(Column::State.eq(JobState::Running))
                .filter(Column::Kind.is_in(JobKind::iter()))
                .filter(Column::LeaseUntil.lt(now))
                .order_by_asc(Column::LeaseUntil)
                .limit(RESCUE)
                .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
                .all(tx)
                .await?;
            let reason = "its worker stopped answering".to_owned();
            let finish = Finish::Retry(JobErrorCode::Stalled, reason);
            let mut moves = Vec::with_capacity(stalled.len());
            for job in stalled {
                let step = settle(job, &finish, now);
                write(tx, &step.job).await?;
                moves.push(step);
            }
            if !moves.is_empty() {
                record(tx, instance, now, &moves).await?;
            }
            Ok(moves)
        })
    });
    let moves = rescued.await?;
    if !moves.is_empty() {
        ring(instance, &moves);
    }
    Ok(moves.len())
}

/// What becomes of a running job.
fn settle(mut job: Model, finish: &Finish, now: DateTime<Utc>) -> Move {
    let is_last = job.attempt >= job.max_attempts;
    let mut record_count = None;
    let (arrow, error) = match finish {
        _ if job.cancel_requested_at.is_some() => (Arrow::Canceled, None),
        Finish::Succeed { artifact, outcome, lasts: _ } => {
            job.outcome = Some(outcome.clone());
            job.progress_done = artifact.record_count;
            job.progress_total = Some(artifact.record_count);
            record_count = Some(artifact.record_count);
            (Arrow::Succeeded, None)
        }
        Finish::Fail(code, reason) => (Arrow::Failed, Some((*code, reason.clone()))),
        Finish::Retry(code, reason) if is_last => (Arrow::Failed, Some((*code, reason.clone()))),
        Finish::Retry(JobErrorCode::Stalled, reason) => {
            (Arrow::Rescued, Some((JobErrorCode::Stalled, reason.clone())))
        }
        Finish::Retry(code, reason) => (Arrow::Retried, Some((*code, reason.clone()))),
        Finish::Interrupt => (Arrow::Interrupted, None),
        Finish::Cancel => (Arrow::Canceled, None),
    };
    job.state = arrow.to();
    job.lease_until = None;
    job.leased_by = None;
    job.finished_at = is_final(job.state).then_some(now);
    job.error_code = error.as_ref().map(|(code, _)| *code);
    job.error_message = error.as_ref().map(|(_, reason)| reason.clone());
    match arrow {
        // What is stored is whole microseconds, on both engines.
        Arrow::Retried | Arrow::Rescued => {
            job.available_at = to_micros(now + backoff(job.attempt));
        }
        Arrow::Interrupted => {
            job.available_at = now;
            job.attempt -= 1;
        }
        Arrow::Requested | Arrow::Started | Arrow::Succeeded | Arrow::Failed | Arrow::Canceled => {}
    }
    let reason = match arrow {
        Arrow::Canceled => cancel::reason(&job),
        Arrow::Requested
        | Arrow::Started
        | Arrow::Succeeded
        | Arrow::Failed
        | Arrow::Retried
        | Arrow::Interrupted
        | Arrow::Rescued => error.map(|(_, reason)| reason),
    };
    Move { job, from: Some(JobState::Running), arrow, reason, record_count }
}

/// Exponential, with jitter over its upper half, so that what failed together isn't tried together.
fn backoff(attempt: i32) -> TimeDelta {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(20);
    let longest = BACKOFF.saturating_mul(1 << doublings).min(MAX_BACKOFF);
    let share = f64::from(u16::from_be_bytes(random::bytes())) / f64::from(u16::MAX);
    TimeDelta::from_std(longest.mul_f64(0.5 + share / 2.0)).unwrap_or(TimeDelta::zero())
}

async fn write(tx: &DatabaseTransaction, job: &Model) -> std::result::Result<(), DbErr> {
    let row = job::ActiveModel {
        state: Set(job.state),
        attempt: Set(job.attempt),
        available_at: Set(job.available_at),
        finished_at: Set(job.finished_at),
        lease_until: Set(job.lease_until),
        leased_by: Set(job.leased_by.clone()),
        progress_done: Set(job.progress_done),
        progress_total: Set(job.progress_total),
        error_code: Set(job.error_code),
        error_message: Set(job.error_message.clone()),
        outcome: Set(job.outcome.clone()),
        ..Default::default()
    };
    let written = Entity::update_many().set(row).filter(claim_key(job)).exec(tx).await?;
    match written.rows_affected {
        1 => Ok(()),
        rows => Err(DbErr::Custom(format!("{rows} rows of a locked job"))),
    }
}
