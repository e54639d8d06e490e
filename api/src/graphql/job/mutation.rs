//! The `cancelJob` and `retryJob` fields.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use daybook_service::{Error, GlobalId, Permission, Scope, jobs, permission::JobWork};
use uuid::Uuid;

use super::interface::Job;
use crate::graphql::{
    context::{enter_to_change, instance, viewer},
    error::{UserError, split},
};

#[derive(Default)]
pub(crate) struct JobMutation;

#[Object]
impl JobMutation {
    /// Requests that a queued or running job stop. Idempotent. Requires the role that may start
    /// such a job.
    async fn cancel_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job to cancel.")] input: CancelJobInput,
    ) -> Result<CancelJobPayload> {
        let canceled = async {
            let (scope, id) = enter(ctx, &input.job_id, Permission::CancelJobs).await?;
            Ok(Job::new(&scope, jobs::cancel(&scope, id).await?))
        };
        let (job, user_errors) = split(canceled.await)?;
        Ok(CancelJobPayload { job, user_errors })
    }

    /// Queues a new job that repeats a failed or canceled one. Requires the role that may start
    /// such a job.
    async fn retry_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job to repeat.")] input: RetryJobInput,
    ) -> Result<RetryJobPayload> {
        let retried = async {
            let (scope, id) = enter(ctx, &input.job_id, Permission::RetryJobs).await?;
            Ok(Job::new(&scope, jobs::retry(&scope, id).await?))
        };
        let (job, user_errors) = split(retried.await)?;
        Ok(RetryJobPayload { job, user_errors })
    }
}

/// Enters the organization of the job that `id` names. Whoever may start such a job may decide over
/// it.
async fn enter(
    ctx: &Context<'_>,
    id: &ID,
    decision: fn(JobWork) -> Permission,
) -> Result<(Scope, Uuid), Error> {
    let path = ["input", "jobId"];
    viewer(ctx)?;
    let Ok(GlobalId::Job { organization_id, id }) = id.parse() else {
        return Err(Error::invalid(&path, "must be the ID of a job"));
    };
    let permission = decision(jobs::work_of(instance(ctx), organization_id, id).await?);
    let purpose = (organization_id, permission);
    Ok((enter_to_change(ctx, purpose, (&path, "job")).await?, id))
}

/// Input of `cancelJob`.
#[derive(InputObject)]
struct CancelJobInput {
    /// ID of the job to cancel.
    job_id: ID,
}

/// Result of `cancelJob`.
#[derive(SimpleObject)]
struct CancelJobPayload {
    /// The job that is to stop. Null only if `userErrors` is not empty.
    job: Option<Job>,
    /// Problems that the caller can fix. Nothing was changed if there are any.
    user_errors: Vec<UserError>,
}

/// Input of `retryJob`.
#[derive(InputObject)]
struct RetryJobInput {
    /// ID of the failed or canceled job to repeat.
    job_id: ID,
}

/// Result of `retryJob`.
#[derive(SimpleObject)]
struct RetryJobPayload {
    /// The new job. Null only if `userErrors` is not empty.
    job: Option<Job>,
    /// Problems that the caller can fix. Nothing was changed if there are any.
    user_errors: Vec<UserError>,
}
