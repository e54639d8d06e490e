//! Artifacts: the files that jobs produce, kept in an object store, and links to download them.

mod entry;
pub mod handout;
pub mod link;
pub mod sharing;

use std::ops::Range;

use daybook_entity::{TenantTable, artifact, job, organization::INSTANCE};
use sea_orm::{ColumnTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    Core, Error, Fault, Permission, Result, Scope, audit::Recorder, store::Bytes, tenancy,
};
use link::Link;

pub(crate) use entry::entry;
pub use handout::Handout;
pub use sharing::Missing;

/// Prefix of the store keys of backups.
pub(crate) const BACKUP_PREFIX: &str = "backups/";

/// Returns the artifact of a job that the scope's viewer may see, or `None` if the job has none.
///
/// # Errors
/// A database fault.
pub async fn find(scope: &Scope, job: &job::Model) -> Result<Option<artifact::Model>> {
    scope.require_to_see(job)?;
    by_key(scope.core(), job.organization_id, job.id).await
}

/// Availability of an artifact to a viewer: available, or the reason why not.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// The file can be downloaded now.
    Available,
    /// The artifact has expired.
    Expired,
    /// The file was removed before it expired.
    Removed,
    /// The viewer may see the job, but not the contents of its file.
    NotAllowed,
    /// The file is a backup of the whole instance, available only on the command line of the host.
    OnHost,
}

/// Determines if the scope's viewer can download `artifact`, which requires `permission`.
///
/// # Errors
/// A database fault.
pub async fn availability(
    scope: &Scope,
    artifact: &artifact::Model,
    permission: Permission,
) -> Result<Availability> {
    if artifact.expires_at <= scope.core().clock.now() {
        return Ok(Availability::Expired);
    }
    if artifact.removed_at.is_some() {
        return Ok(Availability::Removed);
    }
    if is_for_the_host_alone(artifact) {
        return Ok(Availability::OnHost);
    }
    let may = scope.may(artifact.organization_id, permission).await?;
    Ok(if may { Availability::Available } else { Availability::NotAllowed })
}

/// Issues a URL that downloads `artifact` for up to ten minutes, and records the viewer who got it.
/// Returns `None` if the artifact is not available to the scope's viewer, which requires
/// `permission`.
///
/// # Errors
/// A database fault.
pub async fn issue_link(
    recorder: &Recorder,
    scope: &Scope,
    artifact: &artifact::Model,
    permission: Permission,
) -> Result<Option<String>> {
    if availability(scope, artifact, permission).await? != Availability::Available {
        return Ok(None);
    }
    let (core, viewer) = (scope.core(), scope.viewer());
    let now = core.clock.now();
    let Some(link) = Link::new(artifact, &viewer.subject, now) else { return Ok(None) };
    let ttl = (link.expires_at - now).to_std().unwrap_or_default();
    let (key, file_name) = (&artifact.object_key, &artifact.file_name);
    let (url, handout) = match core.store.presign(key, file_name, ttl).await? {
        // The bucket of this process does not have a file that another store has.
        Some(url) if !sharing::is_kept_elsewhere(core, artifact).await? => {
            (url, Handout::BucketLink)
        }
        Some(_) | None => (link::url(core, artifact, &link), Handout::Link),
    };
    handout::record(recorder, core, viewer.clone(), (&link, artifact), handout).await?;
    Ok(Some(url))
}

/// Records that the scope's viewer gets the bytes of `artifact` in a response. Returns false, and
/// records nothing, if the artifact has expired or was removed.
///
/// # Errors
/// A database fault.
pub(crate) async fn record_inline(
    recorder: &Recorder,
    scope: &Scope,
    artifact: &artifact::Model,
) -> Result<bool> {
    let (core, viewer) = (scope.core(), scope.viewer());
    let link = Link::new(artifact, &viewer.subject, core.clock.now());
    let Some(link) = link else { return Ok(false) };
    handout::record(recorder, core, viewer.clone(), (&link, artifact), Handout::Inline).await?;
    Ok(true)
}

/// True for a backup of the whole instance. It holds every organization's data, so nobody can
/// download it through the API, where operators may not read any organization's log.
fn is_for_the_host_alone(artifact: &artifact::Model) -> bool {
    artifact.organization_id == INSTANCE && artifact.object_key.starts_with(BACKUP_PREFIX)
}

/// Returns the bytes of an artifact's file, or of a range of it; or the reason why the file is not
/// in this process's store.
///
/// # Errors
/// A fault of the store or the database.
pub async fn open(
    core: &Core,
    artifact: &artifact::Model,
    range: Option<Range<u64>>,
) -> Result<Result<Bytes, Missing>> {
    match core.store.read(&artifact.object_key, range).await {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(Error::Fault(Fault::Store(object_store::Error::NotFound { .. }))) => {
            Ok(Err(sharing::missing(core, artifact).await?))
        }
        Err(error) => Err(error),
    }
}

/// Returns the artifact that a valid link leads to, or `None` once it has expired or was removed.
///
/// # Errors
/// A database fault.
pub async fn by_link(core: &Core, link: &link::Link) -> Result<Option<artifact::Model>> {
    let found = by_key(core, link.organization_id, link.job_id);
    // The link itself grants access to the artifact.
    let found = tenancy::only(link.organization_id, found).await?;
    let now = core.clock.now();
    Ok(found.filter(|artifact| {
        artifact.removed_at.is_none()
            && artifact.expires_at > now
            && !is_for_the_host_alone(artifact)
    }))
}

async fn by_key(
    core: &Core,
    organization_id: Uuid,
    job_id: Uuid,
) -> Result<Option<artifact::Model>> {
    let found = artifact::Entity::of(organization_id).filter(artifact::Column::JobId.eq(job_id));
    Ok(found.one(core.db.reader()).await?)
}
