//! Canceling: a queued job ends at once, a running one is asked to stop.

use daybook_entity::job::{self, Column, Entity, JobState, Model};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{
    lease::key,
    record::{TransitionRecord, notify, record},
};
use crate::{Core, Error, Permission, ProblemCode, Result, Scope, Topic, Transition, database};

/// Asks a job of the scope's organization to stop. Once this function returns, the job never
/// succeeds. Repeating the call changes nothing.
///
/// # Errors
/// Not found; CONFLICT if the job has succeeded or failed; a database fault.
pub async fn cancel(scope: &Scope, id: Uuid) -> Result<Model> {
    let path = ["input", "jobId"];
    let found = super::find(scope, id).await?.ok_or_else(|| Error::not_found(&path, "job"))?;
    scope.require(Permission::CancelJobs(scope.core().job_kinds.work(&found)))?;
    let context = (scope.clone(), found);
    let canceled =
        scope.core().db.transaction(context, |tx, (scope, found)| Box::pin(ask(tx, scope, found)));
    let (job, made) = canceled.await?;
    match made {
        Some(made) => notify(scope.core(), std::slice::from_ref(&made)),
        // The attempt subscribes to this topic.
        None => scope.core().notifier.notify(Topic::Jobs(job.organization_id)),
    }
    match job.state {
        JobState::Queued | JobState::Running | JobState::Canceled => Ok(job),
        JobState::Succeeded | JobState::Failed => {
            let message = "has ended already";
            Err(Error::problem(ProblemCode::Conflict, &path, message))
        }
    }
}

async fn ask(
    tx: &DatabaseTransaction,
    scope: &Scope,
    found: &Model,
) -> Result<(Model, Option<TransitionRecord>)> {
    let locked = Entity::find().filter(key(found)).lock_exclusive().one(tx).await?;
    let Some(mut job) = locked else { return Err(Error::not_found(&["input", "jobId"], "job")) };
    if crate::transition::is_final(job.state) || job.cancel_requested_at.is_some() {
        return Ok((job, None));
    }
    let now = database::now(tx, &scope.core().clock).await?;
    let was = job.state;
    job.cancel_requested_at = Some(now);
    job.cancel_requested_by = Some(scope.viewer().subject.clone());
    if was == JobState::Queued {
        job.state = JobState::Canceled;
        job.finished_at = Some(now);
        // The error of an earlier attempt is not the reason why the job ended.
        job.error_code = None;
        job.error_message = None;
    }
    let row = job::ActiveModel {
        state: Set(job.state),
        finished_at: Set(job.finished_at),
        error_code: Set(job.error_code),
        error_message: Set(job.error_message.clone()),
        cancel_requested_at: Set(job.cancel_requested_at),
        cancel_requested_by: Set(job.cancel_requested_by.clone()),
        ..Default::default()
    };
    Entity::update_many().set(row).filter(key(&job)).exec(tx).await?;
    if was == JobState::Running {
        return Ok((job, None));
    }
    let reason = reason(&job);
    let made = TransitionRecord {
        job: job.clone(),
        from: Some(was),
        transition: Transition::Canceled,
        reason,
        record_count: None,
        circumstances: None,
    };
    record(tx, scope.core(), now, std::slice::from_ref(&made)).await?;
    Ok((job, Some(made)))
}

/// Maximum number of jobs that one [`cancel_unfinished`] cancels.
const MAX_CANCELED_JOBS: u64 = 100;

/// Cancels unfinished jobs, whichever process holds them: after a restore, none does. Returns the
/// transitions, which the caller notifies of after COMMIT; none if no unfinished job is left.
pub(crate) async fn cancel_unfinished(
    tx: &DatabaseTransaction,
    core: &Core,
    reason: &str,
) -> Result<Vec<TransitionRecord>, DbErr> {
    let unfinished = Entity::find()
        .filter(Column::State.is_in([JobState::Queued, JobState::Running]))
        .filter(Column::Kind.is_in(core.job_kinds.names()))
        .order_by_asc(Column::OrganizationId)
        .order_by_asc(Column::Id)
        .limit(MAX_CANCELED_JOBS)
        .lock_exclusive()
        .all(tx)
        .await?;
    let now = database::now(tx, &core.clock).await?;
    let mut transitions = Vec::new();
    for mut job in unfinished {
        let from = job.state;
        let row = job::ActiveModel {
            state: Set(JobState::Canceled),
            finished_at: Set(Some(now)),
            lease_until: Set(None),
            leased_by: Set(None),
            error_code: Set(None),
            error_message: Set(None),
            ..Default::default()
        };
        Entity::update_many().set(row).filter(key(&job)).exec(tx).await?;
        job.state = JobState::Canceled;
        job.finished_at = Some(now);
        transitions.push(TransitionRecord {
            job,
            from: Some(from),
            transition: Transition::Canceled,
            reason: Some(reason.to_owned()),
            record_count: None,
            circumstances: None,
        });
    }
    if !transitions.is_empty() {
        record(tx, core, now, &transitions).await?;
    }
    Ok(transitions)
}

/// Returns the reason for which a job was canceled, for its transition.
pub(super) fn reason(job: &Model) -> Option<String> {
    job.cancel_requested_by.as_ref().map(|subject| format!("canceled by {subject}"))
}
