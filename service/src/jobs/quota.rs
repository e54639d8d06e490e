//! Quotas: the jobs of a kind that an organization may still start in a sliding hour. They are
//! counted from the jobs themselves, so that a quota holds across processes and restarts.
//!
//! Jobs requested on the command line or by a schedule neither count nor are refused. A request
//! that starts no job (a repeated key, or the twin of an unfinished job) does not count. A job that
//! failed through a fault of Daybook does not count either; a canceled one does.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{
    audit_log::ActorType,
    job::{Column, Entity, JobErrorCode, JobState},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::{Core, Error, ProblemCode, Result, Scope, core::JobKind, database};

/// Time for which a job counts against its quota, 1 h.
const QUOTA_WINDOW: TimeDelta = TimeDelta::hours(1);
/// Error codes of failures that are Daybook's fault.
const INTERNAL_FAILURES: [JobErrorCode; 4] =
    [JobErrorCode::Internal, JobErrorCode::Storage, JobErrorCode::Timeout, JobErrorCode::Stalled];

/// The number of jobs of one kind that an organization may still start.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The number of jobs that the organization may start in an hour.
    pub limit: u32,
    /// The number of jobs that the organization may start now.
    pub remaining: u32,
    /// The time at which one more job may be started, which is when the oldest job that counts is
    /// an hour old; the current time if no job counts.
    pub resets_at: DateTime<Utc>,
}

/// Returns the quota of an organization. The caller has checked that the viewer may know it.
///
/// # Errors
/// A database fault.
pub async fn quota(core: &Core, organization_id: Uuid, kind: &str) -> Result<Quota> {
    Ok(read(core.db.reader(), core, organization_id, kind).await?)
}

/// Refuses a job if the scope's organization has used up its quota for the kind. Exact, because the
/// caller holds the lock of the organization's head until the job is stored.
///
/// # Errors
/// RATE_LIMITED, with the time at which the next job may be started; a database fault.
pub(super) async fn check<C: ConnectionTrait>(tx: &C, scope: &Scope, kind: &str) -> Result<()> {
    if scope.viewer().authority.is_unlimited() {
        return Ok(());
    }
    let Quota { limit, remaining, resets_at } =
        read(tx, scope.core(), scope.organization_id(), kind).await?;
    if remaining > 0 {
        return Ok(());
    }
    let what = scope.core().job_kinds.find(kind).map_or("jobs", |kind| kind.plural);
    let message = if limit == 0 {
        format!("this instance starts no {what}")
    } else {
        let resets_at = resets_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        format!("the organization may start {limit} {what} an hour: the next one at {resets_at}")
    };
    Err(Error::problem(ProblemCode::RateLimited, &[], message))
}

async fn read<C: ConnectionTrait>(
    db: &C,
    core: &Core,
    organization_id: Uuid,
    kind: &str,
) -> Result<Quota, DbErr> {
    let limit = |kind: &JobKind| (kind.hourly_limit)(&core.settings);
    let limit = core.job_kinds.find(kind).map_or(0, limit);
    let now = database::now(db, &core.clock).await?;
    let is_ours = Condition::all()
        .add(Column::State.eq(JobState::Failed))
        .add(Column::ErrorCode.is_in(INTERNAL_FAILURES));
    let counted: Vec<DateTime<Utc>> = Entity::find()
        .select_only()
        .column(Column::CreatedAt)
        .filter(Column::OrganizationId.eq(organization_id))
        .filter(Column::Kind.eq(kind))
        .filter(Column::RequesterType.ne(ActorType::System))
        .filter(Column::CreatedAt.gt(now - QUOTA_WINDOW))
        // A comparison with NULL is neither true nor false.
        .filter(Condition::any().add(Column::ErrorCode.is_null()).add(is_ours.not()))
        .order_by_asc(Column::CreatedAt)
        .into_tuple()
        .all(db)
        .await?;
    Ok(of(limit, &counted, now))
}

/// Returns the quota if jobs were started at the times in `counted`, all within the last hour,
/// oldest first.
fn of(limit: u32, counted: &[DateTime<Utc>], now: DateTime<Utc>) -> Quota {
    let used = u32::try_from(counted.len()).unwrap_or(u32::MAX);
    let remaining = limit.saturating_sub(used);
    // If the limit was lowered, more than one job has to age before another may start.
    let oldest = (used.saturating_sub(limit)) as usize;
    let resets_at = match counted.get(oldest) {
        Some(oldest) => *oldest + QUOTA_WINDOW,
        None if limit == 0 => now + QUOTA_WINDOW,
        None => now,
    };
    Quota { limit, remaining, resets_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_left_again_when_the_oldest_is_an_hour_old() {
        let now = DateTime::from_timestamp(1_770_000_000, 0).unwrap();
        let ago = |minutes| now - TimeDelta::minutes(minutes);
        let quota = |limit, minutes: &[i64]| {
            let counted: Vec<_> = minutes.iter().map(|minutes| ago(*minutes)).collect();
            let Quota { limit: _, remaining, resets_at } = of(limit, &counted, now);
            (remaining, (resets_at - now).num_minutes())
        };
        assert_eq!(quota(3, &[]), (3, 0));
        assert_eq!(quota(3, &[59]), (2, 1));
        assert_eq!(quota(3, &[50, 40, 30]), (0, 10));
        assert_eq!(quota(2, &[50, 40, 30]), (0, 20));
        assert_eq!(quota(0, &[]), (0, 60));
        assert_eq!(quota(0, &[50]), (0, 60));
    }
}
