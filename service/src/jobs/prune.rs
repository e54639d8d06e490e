//! Pruning: transitions are kept for a limited time.

use std::sync::Arc;

use chrono::TimeDelta;
use daybook_entity::{job_event, job_feed};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Core, Result};

/// Time for which transitions of jobs are kept. It only bounds how long a subscriber may be away and still
/// resume: each transition is also an entry of the audit log, which has a retention of its own.
const TRANSITION_HISTORY: TimeDelta = TimeDelta::days(30);
/// Maximum number of events that one transaction removes.
const MAX_REMOVED_EVENTS: i64 = 10_000;

/// Removes transitions older than [`TRANSITION_HISTORY`], beginning at the feed's start. The same
/// transaction records how far the feed was pruned, so that a watcher who resumes before that point
/// gets a GAP.
pub(crate) async fn prune(core: &Arc<Core>) -> Result<()> {
    let before = core.clock.now() - TRANSITION_HISTORY;
    let kept = job_event::Entity::find()
        .filter(job_event::Column::At.lt(before))
        .order_by_desc(job_event::Column::Feed)
        .limit(1)
        .one(core.db.bulk())
        .await?;
    let Some(last) = kept else { return Ok(()) };
    while step(core, last.feed).await? < last.feed {}
    Ok(())
}

/// Removes some events, none of them after `last`. Returns the number through which events were
/// removed.
async fn step(core: &Arc<Core>, last: i64) -> Result<i64> {
    let removed = core.db.transaction(last, |tx, last| {
        Box::pin(async move {
            let feed = job_feed::Entity::find_by_id(1).lock_exclusive().one(tx).await?;
            let pruned = feed.map_or(0, |feed| feed.pruned);
            let up_to = (*last).min(pruned + MAX_REMOVED_EVENTS).max(pruned);
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
