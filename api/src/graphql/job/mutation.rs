//! The `cancelJob` and `retryJob` fields.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use daybook_service::{Error, GlobalId, Permission, Scope, access, jobs, permission::JobWork};
use uuid::Uuid;

use super::types::Job;
use crate::graphql::{
    context::{instance, viewer},
    error::{UserError, split},
};

#[derive(Default)]
pub(crate) struct JobMutation;

#[Object]
impl JobMutation {
    /// Asks a queued or running job to stop. Idempotent.
    async fn cancel_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which job.")] input: CancelJobInput,
    ) -> Result<CancelJobPayload> {
        let canceled = async {
            let (scope, id) = enter(ctx, &input.job_id, Permission::CancelJobs).await?;
            Ok(Job::new(&scope, jobs::cancel(&scope, id).await?))
        };
        let (job, user_errors) = split(canceled.await)?;
        Ok(CancelJobPayload { job, user_errors })
    }

    /// Queues a new job that repeats a failed or canceled one.
    async fn retry_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which job.")] input: RetryJobInput,
    ) -> Result<RetryJobPayload> {
        let retried = async {
            let (scope, id) = enter(ctx, &input.job_id, Permission::RetryJobs).await?;
            Ok(Job::new(&scope, jobs::retry(&scope, id).await?))
        };
        let (job, user_errors) = split(retried.await)?;
        Ok(RetryJobPayload { job, user_errors })
    }
}

/// The right to decide over the job that `id` names: whoever may do what it does has it.
async fn enter(
    ctx: &Context<'_>,
    id: &ID,
    decision: fn(JobWork) -> Permission,
) -> Result<(Scope, Uuid), Error> {
    let path = ["input", "jobId"];
    let viewer = viewer(ctx)?;
    let Ok(GlobalId::Job { organization_id, id }) = id.parse() else {
        return Err(Error::invalid(&path, "is not a job's ID"));
    };
    let instance = instance(ctx);
    let permission = decision(jobs::work_of(instance, organization_id, id).await?);
    let scope = access::enter(instance, viewer, organization_id, permission, &path).await;
    // A foreign job looks like one that doesn't exist.
    let not_found = |error: Error| {
        if error.is_not_found() { Error::not_found(&path, "job") } else { error }
    };
    Ok((scope.map_err(not_found)?, id))
}

/// Which job is to stop.
#[derive(InputObject)]
struct CancelJobInput {
    /// The job.
    job_id: ID,
}

/// The job that is to stop.
#[derive(SimpleObject)]
struct CancelJobPayload {
    /// Null only where userErrors says why.
    job: Option<Job>,
    /// What the caller has to put right.
    user_errors: Vec<UserError>,
}

/// Which job is to be repeated.
#[derive(InputObject)]
struct RetryJobInput {
    /// The failed or canceled job.
    job_id: ID,
}

/// The new job.
#[derive(SimpleObject)]
struct RetryJobPayload {
    /// Null only where userErrors says why.
    job: Option<Job>,
    /// What the caller has to put right.
    user_errors: Vec<UserError>,
}
