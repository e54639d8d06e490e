//! Quotas: how many jobs of a kind an organization may ask for in an hour.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{
    audit_log::ActorType,
    job::{Column, Entity, JobKind},
};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{Error, ProblemCode, Result, Scope, access::Authority};

/// How long a job counts.
const WINDOW: TimeDelta = TimeDelta::hours(1);

/// Refuses a job beyond the quota of its kind. Exact, because the caller holds the lock under which
/// the organization's jobs are queued. What was asked for on the command line or by a schedule
/// neither counts nor is refused.
///
/// # Errors
/// RATE_LIMITED, with the time from when on there is room; a database fault.
pub(super) async fn check(
    tx: &DatabaseTransaction,
    scope: &Scope,
    kind: JobKind,
    now: DateTime<Utc>,
) -> Result<()> {
    let limit = match kind {
        JobKind::Export => return Ok(()),
        JobKind::Backup => scope.instance.settings.backups_per_hour,
    };
    if scope.viewer.authority == Authority::CommandLine {
        return Ok(());
    }
    let counted = Entity::find()
        .filter(Column::OrganizationId.eq(scope.organization_id))
        .filter(Column::Kind.eq(kind))
        .filter(Column::RequesterType.ne(ActorType::System))
        .filter(Column::CreatedAt.gt(now - WINDOW))
        .order_by_desc(Column::CreatedAt)
        .limit(limit);
    let counted = counted.all(tx).await?;
    if (counted.len() as u64) < limit {
        return Ok(());
    }
    let next = counted.last().map_or(now, |oldest| oldest.created_at) + WINDOW;
    let message = format!(
        "at most {limit} an hour are started for an organization; the next one from {} on",
        next.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    );
    Err(Error::problem(ProblemCode::RateLimited, &["input", "organizationId"], message))
}
