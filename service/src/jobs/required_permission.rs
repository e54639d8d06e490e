//! Permissions to have a job done, to see it, and to cancel or repeat it.

use std::sync::Arc;

use daybook_entity::{
    TenantTable,
    audit_log::ActorType,
    job::{Column, Entity, Model},
};
use sea_orm::{ColumnTrait, QueryFilter};
use uuid::Uuid;

use crate::{Core, Permission, Result, Viewer, access, permission::JobWork, tenancy};

/// Returns the permission that a job's requester must have when requesting the job, when it runs,
/// and when downloading its file.
#[must_use]
pub fn required_permission(core: &Core, job: &Model) -> Permission {
    core.job_kinds.work(job).permission()
}

/// Returns the permission that `viewer` needs to see a job: to see all jobs or, if the viewer lacks
/// that, to have done what the viewer requested. Someone who exports notes, for example, need not
/// see what others have done.
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
    // If the viewer has neither, the first is the one refused.
    Ok(if is_enough { own } else { all })
}

/// Returns a job's work, which determines who may cancel or repeat the job.
///
/// # Errors
/// A database fault.
pub async fn work_of(core: &Core, organization_id: Uuid, id: Uuid) -> Result<JobWork> {
    match find(core, organization_id, id).await? {
        Some(job) => Ok(core.job_kinds.work(&job)),
        // There is no such job, which only those who may export learn.
        None => Ok(JobWork::ExportAuditLog),
    }
}

async fn find(core: &Core, organization_id: Uuid, id: Uuid) -> Result<Option<Model>> {
    let found = Entity::of(organization_id).filter(Column::Id.eq(id)).one(core.db.reader());
    // Read only to choose the permission to check.
    Ok(tenancy::only(organization_id, found).await?)
}
