//! Work that a restored database needs before anything else uses it.
//!
//! Restoring a backup leaves a row in `restores`. Jobs that were unfinished when the snapshot was
//! taken (the backup itself is one) are canceled, so that they don't run again by accident.
//! Artifacts whose files are missing are marked as removed. The search index is rebuilt from the
//! log.

use std::sync::Arc;

use daybook_entity::{audit_log_head, restore};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use crate::{Core, Result, audit, database, janitor, jobs};

/// Cleans up after a restore, once. Does nothing if the database was not restored.
pub(crate) async fn after_restore(core: &Arc<Core>) -> Result<()> {
    let unsettled = restore::Entity::find().filter(restore::Column::SettledAt.is_null());
    let Some(found) = unsettled.one(core.db.reader()).await? else { return Ok(()) };
    tracing::warn!(
        backup.job = %found.job_id,
        backup.taken_at = %found.taken_at,
        "this database was restored from a backup: what was unfinished in it is canceled"
    );
    janitor::forget_missing(core).await?;
    let heads = audit_log_head::Entity::find().all(core.db.reader()).await?;
    for head in heads {
        while make_searchable(core, head.organization_id).await? {}
    }
    while step(core).await? {}
    Ok(())
}

/// Adds some entries to the search index, which no backup contains. Returns false once none are
/// left.
async fn make_searchable(core: &Arc<Core>, organization_id: Uuid) -> Result<bool> {
    let more = core.db.transaction(organization_id, |tx, organization_id| {
        Box::pin(async move {
            // Index old entries before the log can grow, so that the index covers it from the
            // beginning.
            if is_unsettled(tx).await? {
                return Ok(audit::make_searchable(tx, *organization_id).await?);
            }
            Ok(false)
        })
    });
    more.await
}

/// True if the restore is not settled yet. Locks its row, so that only one process at a time works
/// on it.
async fn is_unsettled(tx: &DatabaseTransaction) -> Result<bool> {
    let unsettled = restore::Entity::find().filter(restore::Column::SettledAt.is_null());
    Ok(unsettled.lock_exclusive().one(tx).await?.is_some())
}

/// Cancels some unfinished jobs. Returns false once none are left and the restore is settled.
async fn step(core: &Arc<Core>) -> Result<bool> {
    let more = core.db.transaction(Arc::clone(core), |tx, core| {
        Box::pin(async move {
            if !is_unsettled(tx).await? {
                return Ok(false);
            }
            let reason = "the database was restored from a backup";
            if !jobs::cancel_unfinished(tx, core, reason).await?.is_empty() {
                return Ok(true);
            }
            let now = database::now(tx, &core.clock).await?;
            restore::Entity::update_many()
                .set(restore::ActiveModel { settled_at: Set(Some(now)), ..Default::default() })
                .filter(restore::Column::SettledAt.is_null())
                .exec(tx)
                .await?;
            Ok(false)
        })
    });
    more.await
}
