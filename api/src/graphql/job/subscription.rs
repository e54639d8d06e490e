//! The `jobUpdates` field.

use async_graphql::{Context, Enum, ID, Result, SimpleObject, Subscription};
use daybook_service::{GlobalId, jobs};
use futures::{Stream, StreamExt};

use super::{
    interface::Job,
    query::scope,
    types::{JobKind, JobState},
};
use crate::graphql::{
    context::global_id,
    error::{FieldError, to_error},
};

#[derive(Default)]
pub(crate) struct JobSubscription;

#[Subscription]
impl JobSubscription {
    /// Sends every state transition of an organization's jobs in order, and the progress of running
    /// jobs.
    /// Without `after`: starts with a SNAPSHOT of each unfinished job (and of the job `jobId`,
    /// finished or not), then SYNCED, then live updates.
    /// With `after`: starts with everything that happened after that cursor, then SYNCED, then live
    /// updates.
    /// With `jobId`: completes after that job's final transition.
    /// Without `organizationId`: sends updates of all organizations' jobs, for operators.
    /// The stream ends with FORBIDDEN or UNAUTHENTICATED once the viewer may no longer see the
    /// jobs: at once on the node that processed the change, within 5 seconds on other nodes.
    async fn job_updates(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "ID of the organization whose jobs are watched. All organizations if absent."
        )]
        organization_id: Option<ID>,
        #[graphql(desc = "Watches only the job with this ID.")] job_id: Option<ID>,
        #[graphql(desc = "Watches only jobs of these kinds.")] kinds: Option<Vec<JobKind>>,
        #[graphql(desc = "Cursor after which to continue. Starts with a snapshot if absent.")]
        after: Option<String>,
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
                    return Err(FieldError::invalid(&["jobId"], "must be the ID of a job").into());
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

/// An update of a job, or a mark in the stream of updates.
#[derive(SimpleObject)]
struct JobUpdate {
    /// Type of the update.
    r#type: JobUpdateType,
    /// Cursor of the update. Pass it to `jobUpdates` as `after` to receive what follows.
    cursor: String,
    /// The job after the update. Null only for SYNCED and GAP.
    job: Option<Job>,
    /// State of the job before the update. Null unless `type` is TRANSITION and the job existed
    /// before.
    previous_state: Option<JobState>,
}

/// The type of an update. Only PROGRESS updates may be skipped when there are many.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "jobs::UpdateKind")]
enum JobUpdateType {
    /// The state of a job when watching begins.
    Snapshot,
    /// Snapshots or past updates are complete. Live updates follow.
    Synced,
    /// A job changed its state.
    Transition,
    /// A running job made progress.
    Progress,
    /// The updates after the cursor are no longer stored. A new snapshot follows.
    Gap,
}
