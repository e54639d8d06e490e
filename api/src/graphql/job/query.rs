//! The `job` and `jobs` fields.

use async_graphql::{Context, ID, Object, Result};
use daybook_entity::organization::INSTANCE;
use daybook_service::{GlobalId, Permission, access, jobs};
use uuid::Uuid;

use super::types::{Job, JobConnection, JobFilter, JobTotal};
use crate::graphql::{
    context::{self, enter_to_see, global_id, organization_id as raw, viewer},
    error::{FieldError, to_error},
    page::{args, connection},
};

#[derive(Default)]
pub(crate) struct JobQuery;

#[Object]
impl JobQuery {
    /// One job; null where it does not exist or the viewer may not know of it.
    async fn job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its ID.")] id: ID,
    ) -> Result<Option<Job>> {
        viewer(ctx).map_err(to_error)?;
        let GlobalId::Job { organization_id, id } = global_id(&id, &["id"])? else {
            return Err(FieldError::invalid(&["id"], "is not a job's ID").into());
        };
        let permission = right_to_see(ctx, organization_id, id).await.map_err(to_error)?;
        let scope = enter_to_see(ctx, organization_id, permission).await?;
        let Some(scope) = scope else { return Ok(None) };
        let job = jobs::find(&scope, id).await.map_err(to_error)?;
        Ok(job.map(|job| Job::new(&scope, job)))
    }

    /// Newest first. Without organizationId: every organization's, for operators.
    #[allow(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose jobs.")] organization_id: Option<ID>,
        #[graphql(desc = "Which jobs.")] filter: Option<JobFilter>,
        #[graphql(
            desc = "Number of items to return from the start: 0 to 100. Can't be combined with `last`."
        )]
        first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(
            desc = "Number of items to return from the end: 0 to 100. Can't be combined with `first`."
        )]
        last: Option<i32>,
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

/// What the viewer must be allowed to do to see a job.
pub(in crate::graphql) async fn right_to_see(
    ctx: &Context<'_>,
    organization_id: Uuid,
    id: Uuid,
) -> Result<Permission, daybook_service::Error> {
    jobs::right_to_see(context::instance(ctx), viewer(ctx)?, organization_id, id).await
}

/// The right to see an organization's jobs, or only this one, or everyone's for operators.
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
    let viewer = viewer(ctx)?;
    let scope =
        access::enter(context::instance(ctx), viewer, INSTANCE, Permission::ReadJobs, &path).await;
    scope.map_err(|error| {
        if error.is_not_found() {
            let message = "is needed: only operators see every organization's jobs";
            daybook_service::Error::invalid(&path, message)
        } else {
            error
        }
    })
}
