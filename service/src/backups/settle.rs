//! What a restored database needs before anything works on it.
//!
//! A backup's file leaves a row in `restores`. Jobs that had not ended when the snapshot was taken
//! (the backup itself is one) are not to be done again by accident; files that are not there are not
//! to be offered.

use std::sync::Arc;

use daybook_entity::restore;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::{Instance, Result, artifacts::janitor, database, jobs};

/// Settles what a restore left, once.
pub(crate) async fn settle(instance: &Arc<Instance>) -> Result<()> {
    let unsettled = restore::Entity::find().filter(restore::Column::SettledAt.is_null());
    let Some(found) = unsettled.one(instance.db.reader()).await? else { return Ok(()) };
    tracing::warn!(
        backup.job = %found.job_id,
        backup.taken_at = %found.taken_at,
        "this database was restored from a backup: what was unfinished in it is canceled"
    );
    janitor::forget_missing(instance).await?;
    while step(instance).await? {}
    Ok(())
}

/// Cancels some unfinished jobs; false when there are none left and the restore is settled.
async fn step(instance: &Arc<Instance>) -> Result<bool> {
    let more = instance.db.transaction(Arc::clone(instance), |tx, instance| {
        Box::pin(async move {
            // Of processes that start at once, one does it.
            let unsettled = restore::Entity::find()
                .filter(restore::Column::SettledAt.is_null())
                .lock_exclusive()
                .one(tx)
                .await?;
            if unsettled.is_none() {
                return Ok(false);
            }
            let reason = "the database was restored from a backup";
            if !jobs::cancel_unfinished(tx, instance, reason).await?.is_empty() {
                return Ok(true);
            }
            let now = database::now(tx, &instance.clock).await?;
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
