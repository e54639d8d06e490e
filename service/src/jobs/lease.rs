//! Leases: how long an attempt may be silent, and how it says that it is alive.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::job::{self, Column, Entity, JobState, Model};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    QuerySelect,
};

use crate::{Core, MAX_INSTANT, Result, database};

/// What a heartbeat tells its attempt.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// Go on.
    Held,
    /// The requester wants it stopped.
    CancelRequested,
    /// Another attempt has it now.
    Lost,
}

/// When a lease that begins or is renewed `now` runs out.
pub(super) fn end(core: &Core, now: DateTime<Utc>) -> DateTime<Utc> {
    let lease = TimeDelta::from_std(core.settings.job_lease).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(lease).map_or(MAX_INSTANT, |end| end.min(MAX_INSTANT))
}

/// Renews the attempt's lease and says how far it is.
///
/// # Errors
/// A database fault.
pub async fn beat(core: &Arc<Core>, job: &Model) -> Result<Pulse> {
    let context = (Arc::clone(core), job.clone());
    let pulse = core.db.transaction(context, |tx, (core, job)| {
        Box::pin(async move {
            let Some(held) = held(tx, job).await? else { return Ok(Pulse::Lost) };
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
            Ok(pulse_of(&held))
        })
    });
    pulse.await
}

/// Whether the attempt still holds its job, without renewing anything.
pub(super) async fn look(core: &Core, job: &Model) -> Result<Pulse> {
    let held = Entity::find().filter(claim_key(job)).one(core.db.reader()).await?;
    Ok(held.map_or(Pulse::Lost, |held| pulse_of(&held)))
}

fn pulse_of(held: &Model) -> Pulse {
    if held.cancel_requested_at.is_none() { Pulse::Held } else { Pulse::CancelRequested }
}

/// The job's row, locked, if this attempt still holds it.
pub(super) async fn held(
    tx: &DatabaseTransaction,
    job: &Model,
) -> std::result::Result<Option<Model>, DbErr> {
    Entity::find().filter(claim_key(job)).lock_exclusive().one(tx).await
}

/// The job.
pub(super) fn key(job: &Model) -> Condition {
    Condition::all().add(Column::OrganizationId.eq(job.organization_id)).add(Column::Id.eq(job.id))
}

/// The job, as long as the attempt that claimed it holds it.
pub(super) fn claim_key(job: &Model) -> Condition {
    key(job).add(Column::State.eq(JobState::Running)).add(Column::Claim.eq(job.claim))
}
