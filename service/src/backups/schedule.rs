//! Scheduled backups of the whole instance, and removal of old ones.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{artifact, instance, job, organization::INSTANCE};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{Backup, Cron, Outcome, Plan, StartBackup, start};
use crate::{
    Core, Permission, Result, Viewer, access, artifacts, database, janitor, jobs::Kind,
    store::Compression, tenancy,
};

/// Interval between checks of the schedule.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);
/// Subject of the viewer that requests scheduled backups.
const SUBJECT: &str = "daybook-schedule";

/// Schedule of automatic backups, and how many of them are kept.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Times at which a backup is due.
    pub cron: Cron,
    /// Maximum number of scheduled backups to keep. The latest verified one is kept in any case.
    pub keep: usize,
    /// Maximum age of a scheduled backup, unlimited if none. The latest verified one is kept in any
    /// case.
    pub max_age: Option<Duration>,
}

/// Starts backups that are due and removes old ones until the instance stops. Any number of
/// processes can run it at the same time.
pub async fn follow(core: Arc<Core>, schedule: Schedule) {
    let mut visit = tokio::time::interval(CHECK_INTERVAL);
    visit.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = core.stopping.cancelled() => return,
            _ = visit.tick() => {}
        }
        if let Err(error) = visit_once(&core, &schedule).await {
            tracing::error!(%error, "scheduled backups could not be looked after; trying again later");
        }
    }
}

/// Starts a backup if one is due, and removes scheduled backups that are no longer kept.
///
/// Several processes can call this at the same time: the scheduled time is the job's idempotency
/// key, so only one job is created for it. If several scheduled times passed while no process ran,
/// only the last one is caught up on.
///
/// # Errors
/// A fault of the database or the store.
pub async fn visit_once(core: &Arc<Core>, schedule: &Schedule) -> Result<()> {
    let now = core.db.transaction(Arc::clone(core), |tx, core| {
        Box::pin(async move { Ok(database::now(tx, &core.clock).await?) })
    });
    let now = now.await?;
    tenancy::system(async {
        if let Some(due) = schedule.cron.last(now) {
            start_due(core, due).await?;
        }
        prune(core, schedule, now).await
    })
    .await
}

async fn start_due(core: &Arc<Core>, due: DateTime<Utc>) -> Result<()> {
    let made = instance::Entity::find_by_id(1).one(core.db.reader()).await?;
    // A backup that was due before the instance existed was not missed.
    if made.is_none_or(|made| due <= made.created_at) {
        return Ok(());
    }
    let key = format!("schedule {}", due.to_rfc3339());
    let known = job::Entity::find()
        .filter(job::Column::OrganizationId.eq(INSTANCE))
        .filter(job::Column::Kind.eq(Backup::NAME))
        .filter(job::Column::IdempotencyKey.eq(key.as_str()));
    if known.one(core.db.reader()).await?.is_some() {
        return Ok(());
    }
    let viewer = Viewer::command_line(SUBJECT);
    let scope = access::enter(core, &viewer, INSTANCE, Permission::BackUp, &[]).await?;
    let request = StartBackup {
        verify: true,
        compression: Compression::Zstd,
        idempotency_key: Some(key),
        scheduled_for: Some(due),
    };
    let started = start(&scope, request).await?;
    if !started.replayed {
        tracing::info!(job.id = %started.job.id, %due, "a scheduled backup was queued");
    }
    Ok(())
}

/// Removes scheduled backups that are too old or too many, but never the latest verified one.
async fn prune(core: &Arc<Core>, schedule: &Schedule, now: DateTime<Utc>) -> Result<()> {
    let age = schedule.max_age.and_then(|age| TimeDelta::from_std(age).ok());
    let oldest = age.and_then(|age| now.checked_sub_signed(age));
    let kept = artifact::Entity::find()
        .filter(artifact::Column::OrganizationId.eq(INSTANCE))
        .filter(artifact::Column::RemovedAt.is_null())
        .filter(artifact::Column::ObjectKey.starts_with(artifacts::BACKUP_PREFIX))
        .order_by_desc(artifact::Column::CreatedAt)
        .order_by_desc(artifact::Column::JobId);
    let (mut count, mut is_safe) = (0, false);
    for artifact in kept.all(core.db.bulk()).await? {
        let key = (artifact.organization_id, artifact.job_id);
        let Some(job) = job::Entity::find_by_id(key).one(core.db.bulk()).await? else {
            continue;
        };
        if Plan::of(&job)?.scheduled_for.is_none() {
            continue;
        }
        count += 1;
        let is_verified =
            Outcome::of(&job)?.verification.is_some_and(|verification| verification.ok);
        let is_last_verified = is_verified && !is_safe;
        is_safe |= is_verified;
        let is_old = oldest.is_some_and(|oldest| artifact.created_at < oldest);
        if (count > schedule.keep || is_old) && !is_last_verified {
            tracing::info!(job.id = %job.id, "a scheduled backup is not kept any longer");
            janitor::remove(core, artifact, "artifact.pruned").await?;
        }
    }
    Ok(())
}
