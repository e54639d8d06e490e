//! Pruning: transitions are kept for a time only.

use std::sync::Arc;

use chrono::TimeDelta;
use daybook_entity::{job_event, job_feed};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Instance, Result};

/// Most events of one transaction.
const ROUND: i64 = 10_000;

/// Removes transitions that are older than `Settings::job_history`, from the feed's start on. That
/// they may be gone is said in the same transaction, so that a watcher who comes back for them gets
/// a GAP.
pub(crate) async fn prune(instance: &Arc<Instance>) -> Result<()> {
    let history = TimeDelta::from_std(instance.settings.job_history).unwrap_or(TimeDelta::MAX);
    let Some(before) = instance.clock.now().checked_sub_signed(history) else { return Ok(()) };
    let kept = job_event::Entity::find()
        .filter(job_event::Column::At.lt(before))
        .order_by_desc(job_event::Column::Feed)
        .limit(1)
        .one(instance.db.bulk())
        .await?;
    let Some(last) = kept else { return Ok(()) };
    while step(instance, last.feed).await? < last.feed {}
    Ok(())
}

/// Removes some events, none of them after `last`; up to where.
async fn step(instance: &Arc<Instance>, last: i64) -> Result<i64> {
    let removed = instance.db.transaction(last, |tx, last| {
        Box::pin(async move {
            let feed = job_feed::Entity::find_by_id(1).lock_exclusive().one(tx).await?;
            let pruned = feed.map_or(0, |feed| feed.pruned);
            let up_to = (*last).min(pruned + ROUND).max(pruned);
            job_feed::Entity::update_many()
                .set(job_feed::ActiveModel { pruned: Set(up_to), ..Default::default() })
                .filter(job_feed::Column::Id.eq(1))
                .exec(tx)
                .await?;
            job_event::Entity::delete_many()
                .filter(job_event::Column::Feed.lte(up_to))
                .exec(tx)
                .await?;
            Ok(up_to)
        })
    });
    removed.await
}
