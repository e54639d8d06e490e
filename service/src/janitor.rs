//! The janitor: removes expired and orphaned files, old job history and old log entries.
//!
//! A file is needed in two cases only: an artifact refers to it, or the attempt that writes it
//! still holds its job. The job is checked before the artifact, so that a file is never removed
//! between its completion and the transaction that makes it visible.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use daybook_entity::{artifact, job, job::JobState, restore};
use futures::TryStreamExt;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{
    Core, Permission, Result, Scope, Viewer,
    artifacts::{self, sharing},
    audit, jobs, retention, tenancy,
};

/// Interval between sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Delay before the next sweep after a failed one.
const RETRY_DELAY: Duration = Duration::from_secs(5);
/// Maximum number of artifacts that one query fetches.
const ARTIFACTS_PER_QUERY: u64 = 100;

/// Sweeps at regular intervals until the instance stops. Any number of processes can run it at the
/// same time.
pub async fn run(core: Arc<Core>) {
    let mut visit = tokio::time::interval(SWEEP_INTERVAL);
    visit.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = core.stopping.cancelled() => return,
            _ = visit.tick() => {}
        }
        if let Err(error) = sweep(&core).await {
            tracing::error!(%error, "tidying up failed; trying again in {RETRY_DELAY:?}");
            visit.reset_after(RETRY_DELAY);
        }
    }
}

/// Sweeps once: removes expired artifacts, orphaned files, old job history and log entries that
/// retention no longer requires.
///
/// # Errors
/// A fault of the database or the store. Anything removed before the fault stays removed.
pub async fn sweep(core: &Arc<Core>) -> Result<()> {
    // Without this, every file would look like one that no artifact needs.
    tenancy::system(sweep_all(core)).await
}

async fn sweep_all(core: &Arc<Core>) -> Result<()> {
    jobs::prune(core).await?;
    retention::prune(core).await?;
    expire(core).await?;
    let mut keys = core.store.list();
    let restored_at = restored_at(core).await?;
    while let Some((key, since)) = keys.try_next().await? {
        let Some(written) = Written::parse(&key) else { continue };
        // A restored database has no record of backups made after the one it was restored from.
        let may_be_needed =
            key.starts_with(artifacts::BACKUP_PREFIX) && restored_at.is_some_and(|at| since <= at);
        if !may_be_needed && !is_wanted(core, &written).await? {
            tracing::info!(artifact.key = key, "a file that belongs to nothing is removed");
            core.store.remove(&key).await?;
        }
    }
    for unfinished in core.store.unfinished().await? {
        let Some(written) = Written::parse(&unfinished.key) else { continue };
        if !is_wanted(core, &written).await? {
            let key = &unfinished.key;
            tracing::info!(artifact.key = key, "an upload that was never finished is removed");
            core.store.discard(unfinished).await?;
        }
    }
    Ok(())
}

async fn expire(core: &Arc<Core>) -> Result<()> {
    let ours = sharing::ours(core).await?;
    loop {
        let expired = artifact::Entity::find()
            .filter(artifact::Column::RemovedAt.is_null())
            .filter(artifact::Column::ExpiresAt.lte(core.clock.now()))
            .filter(ours.clone())
            .order_by_asc(artifact::Column::ExpiresAt)
            .limit(ARTIFACTS_PER_QUERY)
            .all(core.db.bulk())
            .await?;
        if expired.is_empty() {
            return Ok(());
        }
        for artifact in expired {
            remove(core, artifact, "artifact.expired").await?;
        }
    }
}

/// Removes an artifact's file and records the removal in the log as `action`. Does nothing if the
/// file is in another running process's store, because that process removes it.
pub(crate) async fn remove(
    core: &Arc<Core>,
    artifact: artifact::Model,
    action: &'static str,
) -> Result<()> {
    if sharing::is_kept_elsewhere(core, &artifact).await? {
        return Ok(());
    }
    // The file goes first, so that an artifact marked as removed never still has a file.
    core.store.remove(&artifact.object_key).await?;
    record_removal(core, artifact, action).await
}

/// Returns when the latest restore of this database was settled; none if it was never restored.
async fn restored_at(core: &Core) -> Result<Option<DateTime<Utc>>> {
    let last = restore::Entity::find()
        .filter(restore::Column::SettledAt.is_not_null())
        .order_by_desc(restore::Column::SettledAt);
    Ok(last.one(core.db.bulk()).await?.and_then(|restore| restore.settled_at))
}

/// Marks artifacts whose files are missing from the store as removed. Called after a restore.
pub(crate) async fn forget_missing(core: &Arc<Core>) -> Result<()> {
    let present = artifact::Entity::find().filter(artifact::Column::RemovedAt.is_null());
    let mut pages = present.cursor_by((artifact::Column::OrganizationId, artifact::Column::JobId));
    loop {
        let page = pages.first(ARTIFACTS_PER_QUERY).all(core.db.bulk()).await?;
        let Some(last) = page.last() else { return Ok(()) };
        pages.after((last.organization_id, last.job_id));
        for artifact in page {
            let is_there = core.store.has(&artifact.object_key).await?;
            if !is_there && !sharing::is_kept_elsewhere(core, &artifact).await? {
                record_removal(core, artifact, "artifact.missing").await?;
            }
        }
    }
}

async fn record_removal(
    core: &Arc<Core>,
    artifact: artifact::Model,
    action: &'static str,
) -> Result<()> {
    let scope = Scope::system(
        core,
        artifact.organization_id,
        Viewer::command_line("daybook"),
        Permission::ExportAuditLog,
    );
    let said = core.db.transaction((scope, artifact, action), |tx, (scope, artifact, action)| {
        Box::pin(async move {
            let removed = artifact::ActiveModel {
                removed_at: Set(Some(scope.core().clock.now())),
                ..Default::default()
            };
            let said = artifact::Entity::update_many()
                .set(removed)
                .filter(artifact::Column::OrganizationId.eq(artifact.organization_id))
                .filter(artifact::Column::JobId.eq(artifact.job_id))
                .filter(artifact::Column::RemovedAt.is_null())
                .exec(tx)
                .await?;
            // Another process may already have marked the artifact as removed.
            if said.rows_affected == 1 {
                let entry = artifacts::entry(scope.viewer(), action, artifact);
                audit::append_own(tx, scope, entry).await?;
            }
            Ok(())
        })
    });
    said.await
}

/// The attempt that wrote a file, parsed from the file's key.
struct Written {
    key: String,
    organization_id: Uuid,
    job_id: Uuid,
    claim: i64,
}

impl Written {
    /// Parses a key of the form `FOLDER/ORGANIZATION/JOB-CLAIM`. Returns none for any other key,
    /// which no attempt has written.
    fn parse(key: &str) -> Option<Self> {
        let mut parts = key.splitn(3, '/').skip(1);
        let organization_id = Uuid::parse_str(parts.next()?).ok()?;
        let (job_id, claim) = parts.next()?.rsplit_once('-')?;
        Some(Self {
            key: key.to_owned(),
            organization_id,
            job_id: Uuid::parse_str(job_id).ok()?,
            claim: claim.parse().ok()?,
        })
    }
}

async fn is_wanted(core: &Core, written: &Written) -> Result<bool> {
    let key = (written.organization_id, written.job_id);
    let db = core.db.bulk();
    let job = job::Entity::find_by_id(key).one(db).await?;
    if job.is_some_and(|job| job.state == JobState::Running && job.claim == written.claim) {
        return Ok(true);
    }
    let artifact = artifact::Entity::find_by_id(key).one(db).await?;
    // A removed artifact's file may reappear if the store itself was restored.
    let is_it = |artifact: artifact::Model| {
        artifact.object_key == written.key && artifact.removed_at.is_none()
    };
    Ok(artifact.is_some_and(is_it))
}
