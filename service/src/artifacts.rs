//! Artifacts: the files that jobs produce, in an object store, and the links that lead to them.

mod bucket;
mod compression;
mod folder;
pub mod janitor;
pub mod link;
mod probe;
mod store;
mod upload;
mod writer;

use std::sync::Arc;

use daybook_entity::artifact;
use sea_orm::EntityTrait;
use uuid::Uuid;

use crate::{
    Instance, Permission, Result, Scope, Viewer,
    audit::{self, NewEntry},
    reach,
};

pub use bucket::Links;
pub use compression::Compression;
pub use store::{Store, Stored};
pub use writer::Writer;

/// The artifact of a job of the scope's organization.
///
/// # Errors
/// A database fault.
pub async fn find(
    scope: &Scope,
    organization_id: Uuid,
    job_id: Uuid,
) -> Result<Option<artifact::Model>> {
    by_key(&scope.instance, organization_id, job_id).await
}

/// A URL that downloads `artifact` for some minutes; none once it's expired or removed, and none for
/// who may see the job but not have it done (`permission`), as an operator. Who got it is recorded.
///
/// # Errors
/// A database fault.
pub async fn issue_link(
    scope: &Scope,
    artifact: &artifact::Model,
    permission: Permission,
) -> Result<Option<String>> {
    if !scope.may(artifact.organization_id, permission).await? {
        return Ok(None);
    }
    let now = scope.instance.clock.now();
    let Some(expires_at) = link::end(artifact, now) else { return Ok(None) };
    let ttl = (expires_at - now).to_std().unwrap_or_default();
    let (key, file_name) = (&artifact.object_key, &artifact.file_name);
    let url = match scope.instance.store.presign(key, file_name, ttl).await? {
        Some(url) => url,
        None => link::issue(&scope.instance, artifact, &scope.viewer.subject, expires_at),
    };
    let entry = janitor::entry(&scope.viewer, "artifact.link_issued", artifact);
    record(scope, artifact, entry).await?;
    Ok(Some(url))
}

/// Records that `artifact` is being downloaded by whoever holds `link`.
///
/// # Errors
/// A database fault.
pub async fn record_download(
    instance: &Arc<Instance>,
    link: &link::Link,
    artifact: &artifact::Model,
    viewer: Viewer,
) -> Result<()> {
    let scope = Scope {
        instance: Arc::clone(instance),
        organization_id: link.organization_id,
        viewer,
        permission: Permission::ExportAuditLog,
    };
    let entry = janitor::entry(&scope.viewer, "artifact.downloaded", artifact);
    record(&scope, artifact, entry).await
}

async fn record(scope: &Scope, artifact: &artifact::Model, entry: NewEntry) -> Result<()> {
    // Where the artifact is, also for an operator who sees all organizations.
    let scope = Scope { organization_id: artifact.organization_id, ..scope.clone() };
    audit::record_unchecked(&scope, vec![entry]).await?;
    Ok(())
}

/// What a valid link leads to, as long as it's there and not expired.
///
/// # Errors
/// A database fault.
pub async fn by_link(instance: &Instance, link: &link::Link) -> Result<Option<artifact::Model>> {
    let found = by_key(instance, link.organization_id, link.job_id);
    // The link itself is the right to it.
    let found = reach::only(link.organization_id, found).await?;
    let now = instance.clock.now();
    Ok(found.filter(|artifact| artifact.removed_at.is_none() && artifact.expires_at > now))
}

async fn by_key(
    instance: &Instance,
    organization_id: Uuid,
    job_id: Uuid,
) -> Result<Option<artifact::Model>> {
    let found = artifact::Entity::find_by_id((organization_id, job_id));
    Ok(found.one(instance.db.reader()).await?)
}
