//! Adding jobs to the queue: new ones, repetitions, and requests that were made before.

use daybook_entity::job::{Column, Entity, JobState, Model};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use super::{
    quota,
    record::{TransitionRecord, notify, record},
};
use crate::{Core, Error, ProblemCode, Result, Scope, Transition, audit, database, random};

/// Attempts that a job gets.
const MAX_ATTEMPTS: i32 = 5;

/// A job to be queued.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    /// The name of its kind.
    pub(crate) kind: String,
    /// JSON of what to do.
    pub(crate) payload: String,
    /// SHA-256 of the input as it was asked for.
    pub(crate) request_hash: Vec<u8>,
    /// The caller's key.
    pub(crate) idempotency_key: Option<String>,
    /// Units of work, as far as they're known.
    pub(crate) total: Option<i64>,
    /// The job that it repeats.
    pub(crate) retry_of: Option<Uuid>,
}

/// A job that is there now.
#[derive(Clone, Debug)]
pub struct Enqueued {
    /// The job.
    pub job: Model,
    /// Whether an earlier request had made it.
    pub replayed: bool,
}

/// Queues a job for the scope's viewer, unless the same request made one before: with the same key
/// at any time, or without a key while that one is unfinished.
///
/// # Errors
/// CONFLICT where the key was used with another input; RATE_LIMITED where the organization has
/// none of the kind left; a database fault.
pub(crate) async fn enqueue(scope: &Scope, new: NewJob) -> Result<Enqueued> {
    let context = (scope.clone(), new);
    let queued = scope.core().db.transaction(context, |tx, (scope, new)| {
        Box::pin(async move { add(tx, scope, new).await })
    });
    Ok(queued.await?.announce(scope.core()))
}

/// Queues a job like [`enqueue`] that was planned when the log had been removed through `pruned`, or
/// that reads no log. None where more was removed since; else nothing is until the job has ended.
///
/// # Errors
/// As [`enqueue`].
pub(crate) async fn enqueue_if_kept(
    scope: &Scope,
    new: NewJob,
    pruned: Option<i64>,
) -> Result<Option<Enqueued>> {
    let Some(pruned) = pruned else { return Ok(Some(enqueue(scope, new).await?)) };
    let context = (scope.clone(), new, pruned);
    let queued = scope.core().db.transaction(context, |tx, (scope, new, pruned)| {
        Box::pin(async move {
            if audit::hold_back(tx, scope.organization_id()).await? != *pruned {
                return Ok(None);
            }
            Ok(Some(add(tx, scope, new).await?))
        })
    });
    Ok(queued.await?.map(|queued| queued.announce(scope.core())))
}

/// Adds a job to the queue in the caller's transaction, unless the same request made one before.
/// Whoever calls it commits and lets [`Queued::announce`] tell of it.
pub(crate) async fn add(tx: &DatabaseTransaction, scope: &Scope, new: &NewJob) -> Result<Queued> {
    // One request at a time in an organization: of two that are the same, one is first.
    audit::lock_head(tx, scope.organization_id()).await?;
    if let Some(job) = earlier(tx, scope, new).await? {
        return Ok(Queued::Before(Box::new(job)));
    }
    // Counted here, under the lock, or two that come at once could both be the last one.
    quota::check(tx, scope, &new.kind).await?;
    Ok(Queued::Now(Box::new(insert(tx, scope, new).await?)))
}

/// A job in the queue, whose transaction may not have been committed yet.
pub(crate) enum Queued {
    Before(Box<Model>),
    Now(Box<TransitionRecord>),
}

impl Queued {
    /// Notifies of the job, after COMMIT.
    pub(crate) fn announce(self, core: &Core) -> Enqueued {
        match self {
            Self::Before(job) => Enqueued { job: *job, replayed: true },
            Self::Now(step) => {
                notify(core, std::slice::from_ref(&*step));
                Enqueued { job: step.job, replayed: false }
            }
        }
    }
}

/// Queues a new job that repeats a failed or canceled one of the scope's organization.
///
/// # Errors
/// Not found; CONFLICT where it is unfinished or has succeeded, and where entries that it was to hold
/// were removed from the log since; RATE_LIMITED as for a new one; a
/// database fault.
pub async fn retry(scope: &Scope, id: Uuid) -> Result<Model> {
    let path = ["input", "jobId"];
    let old = super::find(scope, id).await?.ok_or_else(|| Error::not_found(&path, "job"))?;
    let message = match old.state {
        JobState::Failed | JobState::Canceled => None,
        JobState::Queued | JobState::Running => Some("has not ended yet"),
        JobState::Succeeded => Some("has succeeded: there is nothing to repeat"),
    };
    if let Some(message) = message {
        return Err(Error::problem(ProblemCode::Conflict, &path, message));
    }
    let pruned = scope.core().job_kinds.planned_after(&old);
    let new = NewJob {
        kind: old.kind,
        payload: old.payload,
        request_hash: old.request_hash,
        idempotency_key: None,
        total: old.progress_total,
        retry_of: Some(old.id),
    };
    let enqueued = enqueue_if_kept(scope, new, pruned).await?;
    let message = "was to hold entries that are no longer in the log: start a new export";
    let gone = || Error::problem(ProblemCode::Conflict, &path, message);
    Ok(enqueued.ok_or_else(gone)?.job)
}

async fn earlier(tx: &DatabaseTransaction, scope: &Scope, new: &NewJob) -> Result<Option<Model>> {
    let jobs = Entity::find()
        .filter(Column::OrganizationId.eq(scope.organization_id()))
        .filter(Column::Kind.eq(new.kind.as_str()));
    if let Some(key) = &new.idempotency_key {
        let known = jobs.filter(Column::IdempotencyKey.eq(key)).one(tx).await?;
        let is_other = known.as_ref().is_some_and(|known| known.request_hash != new.request_hash);
        if is_other {
            let path = ["input", "idempotencyKey"];
            let message = "was used before with another input";
            return Err(Error::problem(ProblemCode::Conflict, &path, message));
        }
        return Ok(known);
    }
    let twin = jobs
        .filter(Column::RequestHash.eq(new.request_hash.clone()))
        .filter(Column::RequesterId.eq(scope.viewer().subject.as_str()))
        .filter(Column::State.is_in([JobState::Queued, JobState::Running]))
        // One that is about to end without a result is no help.
        .filter(Column::CancelRequestedAt.is_null());
    Ok(twin.one(tx).await?)
}

async fn insert(
    tx: &DatabaseTransaction,
    scope: &Scope,
    new: &NewJob,
) -> std::result::Result<TransitionRecord, DbErr> {
    let now = database::now(tx, &scope.core().clock).await?;
    let actor = audit::Actor::of(scope.viewer());
    let job = Model {
        organization_id: scope.organization_id(),
        id: random::id(now),
        kind: new.kind.clone(),
        state: JobState::Queued,
        requester_type: actor.r#type,
        requester_id: actor.id,
        requester_email: actor.email,
        request_id: scope.viewer().request_id.clone(),
        traceparent: scope.viewer().traceparent.clone(),
        payload: new.payload.clone(),
        request_hash: new.request_hash.clone(),
        idempotency_key: new.idempotency_key.clone(),
        created_at: now,
        available_at: now,
        started_at: None,
        finished_at: None,
        attempt: 0,
        max_attempts: MAX_ATTEMPTS,
        claim: 0,
        lease_until: None,
        leased_by: None,
        cancel_requested_at: None,
        cancel_requested_by: None,
        retry_of: new.retry_of,
        progress_phase: None,
        progress_done: 0,
        progress_total: new.total,
        progress_at: None,
        error_code: None,
        error_message: None,
        outcome: None,
    };
    Entity::insert(job.clone().into_active_model()).exec_without_returning(tx).await?;
    let step = TransitionRecord {
        job,
        from: None,
        transition: Transition::Requested,
        reason: None,
        record_count: None,
    };
    record(tx, scope.core(), now, std::slice::from_ref(&step)).await?;
    Ok(step)
}
