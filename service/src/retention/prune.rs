//! Prunes entries that are older than their organization's retention, in batches.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{audit_log, clock_step, import_line, recording, retention};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
};
use uuid::Uuid;

use super::{
    Obstacle,
    age::Ages,
    entry, entry_at, lock,
    outlook::{outlook, present},
};
use crate::{Clock, Core, Fault, Permission, Result, Scope, Viewer, audit, tenancy};

/// Maximum number of entries removed in one transaction.
const MAX_REMOVED_ENTRIES: i64 = 1_000;
/// Longest time that pruning may be overdue. With a day, a log that grows all the time gets about
/// one announcement of pruning a day.
const MAX_OVERDUE: TimeDelta = TimeDelta::days(1);

/// Prunes the logs of all organizations. Any number of processes may do so at the same time.
///
/// # Errors
/// A database fault. Entries that were removed before the fault stay removed.
pub async fn prune(core: &Arc<Core>) -> Result<()> {
    let found = retention::Entity::find().all(core.db.bulk());
    let mut obstacles = Vec::new();
    for found in tenancy::system(found).await? {
        let scope = Scope::system(
            core,
            found.organization_id,
            Viewer::command_line("daybook"),
            Permission::SetRetention,
        );
        obstacles.extend(tenancy::only(found.organization_id, prune_log(&scope, &found)).await?);
    }
    for obstacle in Obstacle::ALL {
        let count = obstacles.iter().filter(|other| **other == obstacle).count();
        core.metrics.retention_held_back(obstacle.name(), count);
    }
    Ok(())
}

async fn prune_log(scope: &Scope, found: &retention::Model) -> Result<Vec<Obstacle>> {
    let through = extent(scope.core(), found).await?;
    if through > found.pruned && announce(scope, through).await? {
        while !scope.core().stopping.is_cancelled() && remove(scope).await? {}
    }
    Ok(outlook(scope).await?.obstacles)
}

/// Returns the time before which entries may be removed, or `None` if they are kept forever.
pub(super) fn cutoff(now: DateTime<Utc>, days: Option<i32>) -> Option<DateTime<Utc>> {
    now.checked_sub_signed(TimeDelta::days(days?.into()))
}

/// Returns the sequence through which to prune: the announced one if there is more to remove of it,
/// or else the last one that is old enough.
async fn extent(core: &Core, found: &retention::Model) -> Result<i64> {
    let (db, organization_id) = (core.db.bulk(), found.organization_id);
    if found.announced > found.pruned {
        return Ok(found.announced);
    }
    let head = audit::head_sequence(db, organization_id).await?;
    let ages = Ages::read(db, &core.clock, organization_id, (found.pruned, head)).await?;
    let Some(cutoff) = cutoff(ages.now, found.days) else { return Ok(found.pruned) };
    if ages.last_before(cutoff - MAX_OVERDUE).await? == found.pruned {
        return Ok(found.pruned);
    }
    ages.last_before(cutoff).await
}

/// True if old entries may be removed now: there is no hold, and no unfinished job reads the log.
async fn may_remove(tx: &DatabaseTransaction, scope: &Scope) -> Result<bool> {
    let kinds = scope.core().job_kinds.names_reading_audit_log().collect();
    Ok(present(tx, scope.organization_id(), kinds).await?.is_empty())
}

/// Announces in the log, once, that entries through `through` will be removed. Returns false if
/// they may not be removed now.
async fn announce(scope: &Scope, through: i64) -> Result<bool> {
    let announced =
        scope.core().db.transaction((scope.clone(), through), |tx, (scope, through)| {
            Box::pin(async move {
                let found = lock(tx, scope.organization_id()).await?;
                if !may_remove(tx, scope).await? {
                    return Ok(false);
                }
                if found.announced >= *through {
                    return Ok(true);
                }
                let last = entry_at(tx, scope.organization_id(), *through).await?;
                let Some(last) = last else { return Ok(false) };
                let announced =
                    retention::ActiveModel { announced: Set(*through), ..Default::default() };
                change(tx, scope.organization_id(), announced).await?;
                let entry = entry(scope.viewer(), "audit_log.pruned", scope.organization_id());
                let extra = serde_json::json!({
                    "fromSequence": (found.pruned + 1).to_string(),
                    "throughSequence": through.to_string(),
                    "throughHash": crate::hex(&last.hash),
                    "retentionDays": found.days,
                });
                audit::append_own(tx, scope, entry.with_extra(extra)).await?;
                Ok(true)
            })
        });
    announced.await
}

/// Removes one batch of the announced entries. Returns false if there is nothing more to remove for
/// now.
async fn remove(scope: &Scope) -> Result<bool> {
    let removed = scope.core().db.transaction(scope.clone(), |tx, scope| {
        Box::pin(async move {
            let organization_id = scope.organization_id();
            let found = lock(tx, organization_id).await?;
            if found.pruned == found.announced || !may_remove(tx, scope).await? {
                return Ok(false);
            }
            let last = last_of_batch(tx, &scope.core().clock, &found).await?;
            let Some(audit_log::Model { sequence: last, hash, .. }) = last else {
                // The number of days was raised in the meantime.
                let announced =
                    retention::ActiveModel { announced: Set(found.pruned), ..Default::default() };
                change(tx, organization_id, announced).await?;
                return Ok(false);
            };
            let pruned = retention::ActiveModel {
                pruned: Set(last),
                pruned_hash: Set(hash),
                ..Default::default()
            };
            // A trigger allows entries to be deleted only through this sequence, so it goes first.
            change(tx, organization_id, pruned).await?;
            forget_derived(tx, &found, last).await?;
            // Starts after the entries pruned before, which the index may still refer to.
            let gone = audit_log::Entity::delete_many()
                .filter(audit_log::Column::OrganizationId.eq(organization_id))
                .filter(audit_log::Column::Sequence.gt(found.pruned))
                .filter(audit_log::Column::Sequence.lte(last))
                .exec(tx)
                .await?;
            let expected = last - found.pruned;
            if i64::try_from(gone.rows_affected) == Ok(expected) {
                return Ok(true);
            }
            let found = format!("{} of {expected} were found", gone.rows_affected);
            Err(Fault::Missing(format!("an entry of a log ({found})")).into())
        })
    });
    removed.await
}

/// Returns the last entry of the next batch of announced entries that are old enough; none if there
/// are no such entries.
async fn last_of_batch<C: ConnectionTrait>(
    db: &C,
    clock: &Clock,
    found: &retention::Model,
) -> Result<Option<audit_log::Model>> {
    let retention::Model { organization_id, pruned, announced, .. } = *found;
    let ages = Ages::read(db, clock, organization_id, (pruned, announced)).await?;
    let Some(cutoff) = cutoff(ages.now, found.days) else { return Ok(None) };
    let last = ages.last_before(cutoff).await?.min(pruned + MAX_REMOVED_ENTRIES);
    if last == pruned { Ok(None) } else { entry_at(db, organization_id, last).await }
}

/// Removes what was stored about the entries after those of `found`, through `last`.
async fn forget_derived(
    tx: &DatabaseTransaction,
    found: &retention::Model,
    last: i64,
) -> Result<()> {
    let organization_id = found.organization_id;
    audit::forget_words(tx, organization_id, found.pruned, last).await?;
    // A recording that has lost entries can't be returned again for a repeated request.
    recording::Entity::delete_many()
        .filter(recording::Column::OrganizationId.eq(organization_id))
        .filter(recording::Column::FirstSequence.gt(found.pruned))
        .filter(recording::Column::FirstSequence.lte(last))
        .exec(tx)
        .await?;
    import_line::Entity::delete_many()
        .filter(import_line::Column::OrganizationId.eq(organization_id))
        .filter(import_line::Column::Sequence.gt(found.pruned))
        .filter(import_line::Column::Sequence.lte(last))
        .exec(tx)
        .await?;
    clock_step::Entity::delete_many()
        .filter(clock_step::Column::OrganizationId.eq(organization_id))
        .filter(clock_step::Column::Sequence.lte(last))
        .exec(tx)
        .await?;
    Ok(())
}

async fn change(
    tx: &DatabaseTransaction,
    organization_id: Uuid,
    changed: retention::ActiveModel,
) -> Result<()> {
    retention::Entity::update_many()
        .set(changed)
        .filter(retention::Column::OrganizationId.eq(organization_id))
        .exec(tx)
        .await?;
    Ok(())
}
