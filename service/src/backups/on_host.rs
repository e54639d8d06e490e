//! Access to backups for the operator of the host, through the command line, which can read the
//! database and the store anyway. The API gives nobody the file of a backup of the whole instance.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_entity::{artifact, organization};
use futures::{StreamExt, TryStreamExt, stream};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{Core, Fault, GlobalId, Permission, Result, Scope, Viewer, artifacts, audit::Recorder};

/// Maximum number of logs that are written to at once.
const MAX_OPEN_LOGS: usize = 8;

/// Returns every backup whose file is kept, of the instance and of organizations, newest first.
///
/// # Errors
/// A database fault.
pub async fn list(core: &Core) -> Result<Vec<artifact::Model>> {
    let kept = artifact::Entity::find()
        .filter(artifact::Column::RemovedAt.is_null())
        .filter(artifact::Column::ExpiresAt.gt(core.clock.now()))
        .filter(artifact::Column::ObjectKey.starts_with(artifacts::BACKUP_PREFIX))
        .order_by_desc(artifact::Column::CreatedAt)
        .order_by_desc(artifact::Column::JobId);
    Ok(kept.all(core.db.bulk()).await?)
}

/// Finds a kept backup by `name`: the ID of its job, in the form of the API or of the log, or the
/// name of its file. Returns none if no kept backup has that name.
///
/// # Errors
/// A database fault.
pub async fn find(core: &Core, name: &str) -> Result<Option<artifact::Model>> {
    let job = match name.parse() {
        Ok(GlobalId::Job { id, .. }) => Some(id),
        _ => Uuid::parse_str(name).ok(),
    };
    let is_it =
        |artifact: &artifact::Model| artifact.file_name == name || Some(artifact.job_id) == job;
    Ok(list(core).await?.into_iter().find(is_it))
}

/// Records that `viewer` downloads a backup, in the log of each organization that the file
/// contains. For a backup of the instance, that includes the instance's own log.
///
/// # Errors
/// A database fault; the caller must not hand out the file then.
pub async fn record_download(
    recorder: &Recorder,
    core: &Arc<Core>,
    viewer: &Viewer,
    artifact: &artifact::Model,
) -> Result<()> {
    let scope =
        |organization_id| Scope::system(core, organization_id, viewer.clone(), Permission::BackUp);
    let recorded = stream::iter(contained(core, artifact).await?).map(|organization_id| {
        let scope = scope(organization_id);
        let mut entry = artifacts::entry(viewer, "artifact.downloaded", artifact);
        entry.add_extra(serde_json::json!({ "via": "command line" }));
        async move { recorder.record_own(&scope, entry).await }
    });
    recorded.buffer_unordered(MAX_OPEN_LOGS).try_collect().await
}

/// Returns the organizations in a backup: its own, or for a backup of the instance, all that had
/// been created when its snapshot was taken.
async fn contained(core: &Core, artifact: &artifact::Model) -> Result<Vec<Uuid>> {
    if artifact.organization_id != organization::INSTANCE {
        return Ok(vec![artifact.organization_id]);
    }
    let there = organization::Entity::find()
        .select_only()
        .column(organization::Column::Id)
        .filter(organization::Column::CreatedAt.lte(taken_at(artifact)?));
    Ok(there.into_tuple().all(core.db.bulk()).await?)
}

/// Returns the time at which a backup's snapshot was taken.
///
/// # Errors
/// A fault if this build can't read the manifest.
pub fn taken_at(artifact: &artifact::Model) -> Result<DateTime<Utc>> {
    let manifest: serde_json::Value = serde_json::from_str(&artifact.manifest).unwrap_or_default();
    let taken_at = serde_json::from_value(manifest["takenAt"].clone());
    let job = artifact.job_id;
    Ok(taken_at.map_err(|error| Fault::decode(format!("the manifest of backup {job}"), error))?)
}
