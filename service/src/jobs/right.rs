//! What it takes to have a job done, to see it, and to decide over it.

use std::sync::Arc;

use daybook_entity::{
    audit_log::ActorType,
    job::{Entity, Model},
};
use sea_orm::EntityTrait;
use uuid::Uuid;

use crate::{Core, Permission, Result, Viewer, access, permission::JobWork, tenancy};

/// The permission that a job's requester must have, when asking, when the job runs, and to get its
/// file.
#[must_use]
pub fn required_permission(core: &Core, job: &Model) -> Permission {
    work(core, job).permission()
}

/// The work of a job. What this build can't read is taken for the work that the fewest may have done.
fn work(core: &Core, job: &Model) -> JobWork {
    core.job_kinds.work(job).unwrap_or(JobWork::BackUp)
}

/// What `viewer` must be allowed to do to see a job: to see all jobs, or, where that's not allowed, to
/// have done what the viewer asked for. Who exports notes need not see what others have done.
///
/// # Errors
/// A database fault.
pub async fn right_to_see(
    core: &Arc<Core>,
    viewer: &Viewer,
    organization_id: Uuid,
    id: Uuid,
) -> Result<Permission> {
    let all = Permission::ReadJobs;
    if access::is_granted(core, viewer, organization_id, all).await? {
        return Ok(all);
    }
    let is_own =
        |job: &Model| job.requester_type == ActorType::User && job.requester_id == viewer.subject;
    let Some(job) = find(core, organization_id, id).await?.filter(is_own) else {
        return Ok(all);
    };
    let own = required_permission(core, &job);
    let is_enough = access::is_granted(core, viewer, organization_id, own).await?;
    // Where neither is allowed, it's the first one that is refused.
    Ok(if is_enough { own } else { all })
}

/// Returns a job's work, which decides who may cancel or repeat the job.
///
/// # Errors
/// A database fault.
pub async fn work_of(core: &Core, organization_id: Uuid, id: Uuid) -> Result<JobWork> {
    match find(core, organization_id, id).await? {
        Some(job) => Ok(work(core, &job)),
        // There is nothing to decide over, which only who may export is told.
        None => Ok(JobWork::ExportAuditLog),
    }
}

async fn find(core: &Core, organization_id: Uuid, id: Uuid) -> Result<Option<Model>> {
    let found = Entity::find_by_id((organization_id, id)).one(core.db.reader());
    // Only to know what is to be asked for.
    Ok(tenancy::only(organization_id, found).await?)
}
