//! The `jobUpdates` field.

use async_graphql::{Context, Enum, ID, Result, SimpleObject, Subscription};
use daybook_service::{GlobalId, jobs};
use futures::{Stream, StreamExt};

use super::{
    query::scope,
    types::{Job, JobKind, JobState},
};
use crate::graphql::{
    context::global_id,
    error::{FieldError, to_error},
};

#[derive(Default)]
pub(crate) struct JobSubscription;

#[Subscription]
impl JobSubscription {
    /// Every lifecycle transition of the organization's jobs, in order, none lost.
    /// Without `after`: a SNAPSHOT of each unfinished job (and of `jobId`, finished or not), then
    /// SYNCED, then what happens next.
    /// With `after`: everything that happened since that cursor, then SYNCED, then what happens
    /// next.
    /// With `jobId`: completes after that job's final transition.
    /// Without `organizationId`: every organization's, for operators.
    /// The stream ends with FORBIDDEN or UNAUTHENTICATED once the viewer may no longer see the jobs:
    /// at once on the node that answered the change, within 5 seconds on others.
    async fn job_updates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose jobs.")] organization_id: Option<ID>,
        #[graphql(desc = "Only this job.")] job_id: Option<ID>,
        #[graphql(desc = "Only these kinds.")] kinds: Option<Vec<JobKind>>,
        #[graphql(desc = "A cursor of this feed, to go on from there.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<JobUpdate>>> {
        let job_id = match &job_id {
            None => None,
            Some(id) => match global_id(id, &["jobId"])? {
                GlobalId::Job { id, .. } => Some(id),
                GlobalId::Organization(_)
                | GlobalId::AuditLog { .. }
                | GlobalId::ApiKey { .. }
                | GlobalId::Workspace { .. }
                | GlobalId::Note { .. } => {
                    return Err(FieldError::invalid(&["jobId"], "is not a job's ID").into());
                }
            },
        };
        let scope = scope(ctx, organization_id.as_ref(), job_id).await.map_err(to_error)?;
        let kinds = kinds.map(JobKind::names);
        let watch = jobs::Watch { job_id, kinds, after };
        let updates = jobs::watch(scope.clone(), watch).map_err(to_error)?;
        Ok(updates.map(move |update| {
            let jobs::Update { kind, cursor, job, previous } = update.map_err(to_error)?;
            Ok(JobUpdate {
                r#type: kind.into(),
                cursor,
                job: job.map(|job| Job::new(&scope, job)),
                previous_state: previous.map(Into::into),
            })
        }))
    }
}

/// Something about a job.
#[derive(SimpleObject)]
struct JobUpdate {
    /// What it is.
    r#type: JobUpdateType,
    /// Give it as `after` to go on from here.
    cursor: String,
    /// Null only for SYNCED and GAP.
    job: Option<Job>,
    /// The state before, where type is TRANSITION and the job is not new.
    previous_state: Option<JobState>,
}

/// GAP: the history after your cursor is no longer kept, so what follows starts again from a
/// snapshot. PROGRESS is the only type that may be thinned out.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "jobs::UpdateKind")]
enum JobUpdateType {
    /// A job as it is when watching begins.
    Snapshot,
    /// All that was there has been told; what follows is live.
    Synced,
    /// A job went from one state to another.
    Transition,
    /// A running job advanced.
    Progress,
    /// The history after your cursor is no longer kept.
    Gap,
}
