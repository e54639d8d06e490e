//! Adding jobs to the queue: new ones, repetitions, and repeated requests.

use daybook_entity::job::{Column, Entity, JobState, Model};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use super::{
    quota,
    record::{TransitionRecord, notify, record},
};
use crate::{
    Core, Error, Permission, ProblemCode, Result, Scope, Transition, audit, database, idempotency,
    random,
};

/// Maximum number of attempts at a job.
const MAX_ATTEMPTS: i32 = 5;

/// A job to be queued.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    /// The name of the job's kind.
    pub(crate) kind: String,
    /// The job's input, as JSON.
    pub(crate) payload: String,
    /// SHA-256 of the input as it was requested.
    pub(crate) request_hash: Vec<u8>,
    /// The caller's idempotency key.
    pub(crate) idempotency_key: Option<String>,
    /// Total units of work, if known.
    pub(crate) total: Option<i64>,
    /// The job that this one repeats, if any.
    pub(crate) retry_of: Option<Uuid>,
}

/// A job that was requested, and is stored.
#[derive(Clone, Debug)]
pub struct Enqueued {
    /// The new job, or the one that an earlier request made.
    pub job: Model,
    /// True if an earlier request made the job.
    pub replayed: bool,
}

/// Queues a job for the scope's viewer, unless the same request already made one: at any time with
/// the same key, or, without a key, while the earlier job is unfinished.
///
/// # Errors
/// CONFLICT if the key was used with other input; RATE_LIMITED if the organization has used up its
/// quota for the kind; a database fault.
pub(crate) async fn enqueue(scope: &Scope, new: NewJob) -> Result<Enqueued> {
    let context = (scope.clone(), new);
    let queued = scope.core().db.transaction(context, |tx, (scope, new)| {
        Box::pin(async move { add(tx, scope, new).await })
    });
    Ok(queued.await?.announce(scope.core()))
}

/// Queues a job like [`enqueue`], unless retention removed more of the log since the job was
/// planned. `pruned` is the sequence through which the log had been removed at that time; it is
/// `None` for a job that reads no log. Returns `None` if more was removed. Once the job is queued,
/// nothing is removed until the job has ended.
///
/// # Errors
/// Those of [`enqueue`].
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

/// Adds a job to the queue in the caller's transaction, unless the same request already made one.
/// The caller commits, and then calls [`Queued::announce`].
pub(crate) async fn add(tx: &DatabaseTransaction, scope: &Scope, new: &NewJob) -> Result<Queued> {
    // An organization's requests take turns: of two equal ones, one comes first.
    audit::lock_head(tx, scope.organization_id()).await?;
    if let Some(job) = earlier(tx, scope, new).await? {
        return Ok(Queued::Earlier(Box::new(job)));
    }
    // Counted under the lock; otherwise two simultaneous requests could both take the last place.
    quota::check(tx, scope, &new.kind).await?;
    Ok(Queued::New(Box::new(insert(tx, scope, new).await?)))
}

/// A queued job, whose transaction may not have been committed yet.
pub(crate) enum Queued {
    Earlier(Box<Model>),
    New(Box<TransitionRecord>),
}

impl Queued {
    /// Sends the notifications of a new job, after COMMIT.
    pub(crate) fn announce(self, core: &Core) -> Enqueued {
        match self {
            Self::Earlier(job) => Enqueued { job: *job, replayed: true },
            Self::New(made) => {
                notify(core, std::slice::from_ref(&*made));
                Enqueued { job: made.job, replayed: false }
            }
        }
    }
}

/// Queues a new job that repeats a failed or canceled job of the scope's organization.
///
/// # Errors
/// Not found; CONFLICT if the job is unfinished or has succeeded, or if entries that it was to hold
/// have since been removed from the log; RATE_LIMITED as for a new job; a database fault.
pub async fn retry(scope: &Scope, id: Uuid) -> Result<Model> {
    let path = ["input", "jobId"];
    let old = super::find(scope, id).await?.ok_or_else(|| Error::not_found(&path, "job"))?;
    scope.require(Permission::RetryJobs(scope.core().job_kinds.work(&old)))?;
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
    let jobs = scope.find::<Entity>().filter(Column::Kind.eq(new.kind.as_str()));
    if let Some(key) = &new.idempotency_key {
        let known = jobs.filter(Column::IdempotencyKey.eq(key)).one(tx).await?;
        if let Some(known) = &known {
            idempotency::check_repetition(&known.request_hash, &new.request_hash)?;
        }
        return Ok(known);
    }
    let twin = jobs
        .filter(Column::RequestHash.eq(new.request_hash.clone()))
        .filter(Column::RequesterId.eq(scope.viewer().subject.as_str()))
        .filter(Column::State.is_in([JobState::Queued, JobState::Running]))
        // A job that is about to end without a result is of no use.
        .filter(Column::CancelRequestedAt.is_null());
    Ok(twin.one(tx).await?)
}

async fn insert(
    tx: &DatabaseTransaction,
    scope: &Scope,
    new: &NewJob,
) -> Result<TransitionRecord, DbErr> {
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
    let made = TransitionRecord {
        job,
        from: None,
        transition: Transition::Requested,
        reason: None,
        record_count: None,
        circumstances: audit::Metadata::of(scope.viewer()),
    };
    record(tx, scope.core(), now, std::slice::from_ref(&made)).await?;
    Ok(made)
}
