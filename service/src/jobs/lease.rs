//! Leases: the time for which an attempt may be silent, and the heartbeats that renew it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::job::{self, Column, Entity, JobState, Model};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    QuerySelect,
};

use crate::{Core, MAX_INSTANT, Result, database};

/// The state of an attempt's hold on its job, as a heartbeat finds it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum LeaseStatus {
    /// The attempt holds the job and continues.
    Held,
    /// The attempt holds the job, but a user asked for the job to be canceled.
    CancelRequested,
    /// The attempt no longer holds the job.
    Lost,
}

/// Returns the expiry of a lease that begins or is renewed at `now`.
pub(super) fn end(core: &Core, now: DateTime<Utc>) -> DateTime<Utc> {
    let lease = TimeDelta::from_std(core.settings.job_lease).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(lease).map_or(MAX_INSTANT, |end| end.min(MAX_INSTANT))
}

/// Renews the attempt's lease and stores its progress.
///
/// # Errors
/// A database fault.
pub async fn heartbeat(core: &Arc<Core>, job: &Model) -> Result<LeaseStatus> {
    let context = (Arc::clone(core), job.clone());
    let status = core.db.transaction(context, |tx, (core, job)| {
        Box::pin(async move {
            let Some(held) = held(tx, job).await? else { return Ok(LeaseStatus::Lost) };
            let now = database::now(tx, &core.clock).await?;
            let row = job::ActiveModel {
                lease_until: Set(Some(end(core, now))),
                progress_phase: Set(job.progress_phase.clone()),
                progress_done: Set(job.progress_done),
                progress_total: Set(job.progress_total),
                progress_at: Set(Some(now)),
                ..Default::default()
            };
            Entity::update_many().set(row).filter(key(job)).exec(tx).await?;
            Ok(status_of(&held))
        })
    });
    status.await
}

/// Checks the attempt's hold on its job without renewing the lease.
pub(super) async fn check(core: &Core, job: &Model) -> Result<LeaseStatus> {
    let held = Entity::find().filter(claim_key(job)).one(core.db.reader()).await?;
    Ok(held.map_or(LeaseStatus::Lost, |held| status_of(&held)))
}

fn status_of(held: &Model) -> LeaseStatus {
    if held.cancel_requested_at.is_none() {
        LeaseStatus::Held
    } else {
        LeaseStatus::CancelRequested
    }
}

/// Locks and returns the job's row, if the attempt still holds the job.
pub(super) async fn held(tx: &DatabaseTransaction, job: &Model) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(claim_key(job)).lock_exclusive().one(tx).await
}

/// Returns the condition that selects the job.
pub(super) fn key(job: &Model) -> Condition {
    Condition::all().add(Column::OrganizationId.eq(job.organization_id)).add(Column::Id.eq(job.id))
}

/// Returns the condition that selects the job as long as the attempt that claimed it holds it.
pub(super) fn claim_key(job: &Model) -> Condition {
    key(job).add(Column::State.eq(JobState::Running)).add(Column::Claim.eq(job.claim))
}
