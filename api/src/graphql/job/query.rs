//! The `job` and `jobs` fields.

use async_graphql::{Context, ID, Object, Result};
use daybook_service::{GlobalId, Permission, jobs};
use uuid::Uuid;

use super::{
    interface::Job,
    list::{JobConnection, JobFilter, JobTotal},
};
use crate::graphql::{
    context::{self, enter_to_see, global_id, organization_id as raw, viewer},
    error::{FieldError, to_error},
    page::{args, connection},
};

#[derive(Default)]
pub(crate) struct JobQuery;

#[Object]
impl JobQuery {
    /// Returns a job. Null if it does not exist or the viewer does not belong to its organization.
    async fn job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the job.")] id: ID,
    ) -> Result<Option<Job>> {
        viewer(ctx).map_err(to_error)?;
        let GlobalId::Job { organization_id, id } = global_id(&id, &["id"])? else {
            return Err(FieldError::invalid(&["id"], "must be the ID of a job").into());
        };
        let permission = right_to_see(ctx, organization_id, id).await.map_err(to_error)?;
        let scope = enter_to_see(ctx, organization_id, permission).await?;
        let Some(scope) = scope else { return Ok(None) };
        let job = jobs::find(&scope, id).await.map_err(to_error)?;
        Ok(job.map(|job| Job::new(&scope, job)))
    }

    /// Lists jobs, newest first. Without `organizationId`, lists the jobs of all organizations, for
    /// operators. A page has 50 jobs by default and at most 100; a larger page is an error.
    #[allow(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "ID of the organization whose jobs are listed. All organizations if absent."
        )]
        organization_id: Option<ID>,
        #[graphql(desc = "Conditions that jobs must meet. All jobs if absent.")] filter: Option<
            JobFilter,
        >,
        #[graphql(desc = "Size of a page from the start: 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Returns only items before this cursor.")] before: Option<String>,
    ) -> Result<JobConnection> {
        let scope = scope(ctx, organization_id.as_ref(), None).await.map_err(to_error)?;
        let filter = JobFilter::read(filter, &["filter"]).map_err(to_error)?;
        let args = args(first, after, last, before);
        let page = jobs::list(&scope, &filter, &args).await.map_err(to_error)?;
        let total = JobTotal { scope: scope.clone(), filter };
        Ok(connection(page, total, |job| Job::new(&scope, job)))
    }
}

/// Returns the permission that the viewer needs to see a job.
pub(in crate::graphql) async fn right_to_see(
    ctx: &Context<'_>,
    organization_id: Uuid,
    id: Uuid,
) -> Result<Permission, daybook_service::Error> {
    jobs::right_to_see(&context::instance(ctx).core, viewer(ctx)?, organization_id, id).await
}

/// Enters an organization to see its jobs, or only one of them, or the instance to see the jobs of
/// all organizations, for operators.
pub(super) async fn scope(
    ctx: &Context<'_>,
    organization_id: Option<&ID>,
    job_id: Option<Uuid>,
) -> Result<daybook_service::Scope, daybook_service::Error> {
    let path = ["organizationId"];
    if let Some(id) = organization_id {
        let permission = match job_id {
            Some(job_id) => right_to_see(ctx, raw(id, &path)?, job_id).await?,
            None => Permission::ReadJobs,
        };
        return context::enter(ctx, id, permission, &path).await;
    }
    let message = "is required: only operators can see the jobs of all organizations";
    context::enter_instance(ctx, Permission::ReadJobs, &path, message).await
}
