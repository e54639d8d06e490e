//! Prunes entries that are older than their organization's retention, in batches.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{
    audit_log,
    job::{self, JobState},
    recording, retention,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{entry, entry_at, holds::is_held, lock};
use crate::{Core, Fault, Permission, Result, Scope, Viewer, audit, database, tenancy};

/// Maximum number of entries removed in one transaction.
const MAX_REMOVED_ENTRIES: u64 = 1_000;
/// Longest time that pruning may be overdue. With a day, a log that grows all the time gets about
/// one announcement of pruning a day.
const MAX_OVERDUE: TimeDelta = TimeDelta::days(1);

/// Prunes the logs of all organizations. Any number of processes may do so at the same time.
///
/// # Errors
/// A database fault. Entries that were removed before the fault stay removed.
pub async fn prune(core: &Arc<Core>) -> Result<()> {
    let found = retention::Entity::find().all(core.db.bulk());
    for found in tenancy::system(found).await? {
        let scope = Scope::system(
            core,
            found.organization_id,
            Viewer::command_line("daybook"),
            Permission::SetRetention,
        );
        tenancy::only(found.organization_id, prune_log(&scope, &found)).await?;
    }
    Ok(())
}

async fn prune_log(scope: &Scope, found: &retention::Model) -> Result<()> {
    let through = extent(scope.core(), found).await?;
    if through > found.pruned && announce(scope, through).await? {
        while !scope.core().stopping.is_cancelled() && remove(scope).await? {}
    }
    Ok(())
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
    let now = database::now(db, &core.clock).await?;
    let Some(cutoff) = cutoff(now, found.days) else { return Ok(found.pruned) };
    last_before(db, organization_id, found.pruned, cutoff - MAX_OVERDUE, cutoff).await
}

/// Returns the last sequence of the entries that were recorded before `cutoff`. Returns `pruned` if
/// the first entry after `pruned` does not exist or was not recorded before `first_before`.
pub(super) async fn last_before<C: ConnectionTrait>(
    db: &C,
    organization_id: Uuid,
    pruned: i64,
    first_before: DateTime<Utc>,
    cutoff: DateTime<Utc>,
) -> Result<i64> {
    let first = entry_at(db, organization_id, pruned + 1).await?;
    if first.is_none_or(|first| first.recorded_at >= first_before) {
        return Ok(pruned);
    }
    // Binary search: times of recording never decrease along the log.
    let mut old = pruned + 1;
    let mut kept = audit::head_sequence(db, organization_id).await? + 1;
    while kept - old > 1 {
        let middle = old + (kept - old) / 2;
        let entry = entry_at(db, organization_id, middle).await?;
        if entry.is_some_and(|entry| entry.recorded_at < cutoff) {
            old = middle;
        } else {
            kept = middle;
        }
    }
    Ok(old)
}

/// True if old entries may be removed now: there is no hold, and no unfinished job reads the log.
async fn may_remove(tx: &DatabaseTransaction, scope: &Scope) -> Result<bool> {
    let organization_id = scope.organization_id();
    if is_held(tx, organization_id).await? {
        return Ok(false);
    }
    let kinds = scope.core().job_kinds.names_reading_audit_log();
    let readers = scope
        .find::<job::Entity>()
        .filter(job::Column::Kind.is_in(kinds))
        .filter(job::Column::State.is_in([JobState::Queued, JobState::Running]));
    Ok(readers.count(tx).await? == 0)
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
            let now = database::now(tx, &scope.core().clock).await?;
            let batch = old(tx, &found, cutoff(now, found.days)).await?;
            let Some((last, hash, _)) = batch.last() else {
                // The number of days was raised in the meantime.
                let announced =
                    retention::ActiveModel { announced: Set(found.pruned), ..Default::default() };
                change(tx, organization_id, announced).await?;
                return Ok(false);
            };
            let pruned = retention::ActiveModel {
                pruned: Set(*last),
                pruned_hash: Set(hash.clone()),
                ..Default::default()
            };
            // A trigger allows entries to be deleted only through this sequence, so it goes first.
            change(tx, organization_id, pruned).await?;
            audit::forget_words(tx, organization_id, found.pruned, *last).await?;
            // A recording that has lost entries can't be returned again for a repeated request.
            recording::Entity::delete_many()
                .filter(recording::Column::OrganizationId.eq(organization_id))
                .filter(recording::Column::FirstSequence.gt(found.pruned))
                .filter(recording::Column::FirstSequence.lte(*last))
                .exec(tx)
                .await?;
            // Starts after the entries pruned before, which the index may still refer to.
            let gone = audit_log::Entity::delete_many()
                .filter(audit_log::Column::OrganizationId.eq(organization_id))
                .filter(audit_log::Column::Sequence.gt(found.pruned))
                .filter(audit_log::Column::Sequence.lte(*last))
                .exec(tx)
                .await?;
            if gone.rows_affected == batch.len() as u64 {
                return Ok(true);
            }
            let found = format!("{} of {} were found", gone.rows_affected, batch.len());
            Err(Fault::Missing(format!("an entry of a log ({found})")).into())
        })
    });
    removed.await
}

/// Returns sequence, hash and time of the next announced entries that are older than `cutoff`.
async fn old<C: ConnectionTrait>(
    db: &C,
    found: &retention::Model,
    cutoff: Option<DateTime<Utc>>,
) -> Result<Vec<(i64, Vec<u8>, DateTime<Utc>)>> {
    use audit_log::Column::{Hash, OrganizationId, RecordedAt, Sequence};
    let Some(cutoff) = cutoff else { return Ok(Vec::new()) };
    let next = audit_log::Entity::find()
        .select_only()
        .columns([Sequence, Hash, RecordedAt])
        .filter(OrganizationId.eq(found.organization_id))
        .filter(Sequence.gt(found.pruned))
        .filter(Sequence.lte(found.announced))
        .order_by_asc(Sequence)
        .limit(MAX_REMOVED_ENTRIES)
        .into_tuple::<(i64, Vec<u8>, DateTime<Utc>)>();
    let next = next.all(db).await?;
    Ok(next.into_iter().take_while(|(.., recorded_at)| *recorded_at < cutoff).collect())
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
