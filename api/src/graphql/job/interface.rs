//! The interface `Job`: its fields, which are resolved here for jobs of every kind, and the choice of
//! the type by the kind of a job.
#![allow(clippy::duplicated_attributes, reason = "an interface's fields of one type look like it")]

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, ID, Interface, Object, OutputType, Positioned, Result, ServerResult,
    Value, parser::types::Field, registry::Registry,
};
use daybook_entity::{job, job_event, organization::INSTANCE};
use daybook_service::{GlobalId, Scope, artifacts, jobs, organizations};

use super::{
    artifact::Artifact,
    types::{JobError, JobFields, JobKind, JobProgress, JobState, JobTransition},
};
use crate::graphql::{
    audit_log::types::AuditActor,
    backup::types::BackupJob,
    error::to_error,
    export::types::ExportJob,
    organization::types::Organization,
    scalar::{BigInt, Instant},
};

/// A background job, such as an export or a backup. `jobUpdates` reports its state and progress.
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "Global ID of the job, an opaque text."),
    field(name = "kind", ty = "JobKind", desc = "Kind of work that the job does."),
    field(name = "state", ty = "JobState", desc = "Current state of the job."),
    field(
        name = "organization",
        ty = "Option<Organization>",
        desc = "The organization that the job belongs to. Null if it concerns the whole instance."
    ),
    field(
        name = "requested_by",
        ty = "AuditActor",
        desc = "The user, service or system that requested the job."
    ),
    field(name = "created_at", ty = "Instant", desc = "The time at which the job was requested."),
    field(
        name = "started_at",
        ty = "Option<Instant>",
        desc = "The time at which the first attempt started. Null until then."
    ),
    field(
        name = "finished_at",
        ty = "Option<Instant>",
        desc = "The time at which the job reached a final state. Null until then."
    ),
    field(
        name = "attempt",
        ty = "i32",
        desc = "Number of attempts so far, including the running one. 0 before the first attempt."
    ),
    field(
        name = "max_attempts",
        ty = "i32",
        desc = "Maximum number of attempts. A job whose last attempt fails is FAILED."
    ),
    field(
        name = "cancel_requested_at",
        ty = "Option<Instant>",
        desc = "The time at which a cancellation was requested. Null if none was."
    ),
    field(
        name = "retry_of",
        ty = "Option<RepeatedJob>",
        desc = "The failed or canceled job that this job repeats. Null if it repeats none."
    ),
    field(
        name = "progress",
        ty = "JobProgress",
        desc = "Progress of the current or last attempt."
    ),
    field(
        name = "error",
        ty = "Option<JobError>",
        desc = "The reason why the job failed, or why its last attempt is repeated. Null if there is none."
    ),
    field(
        name = "artifact",
        ty = "Option<Artifact>",
        desc = "The file that the job produced. Null until the job has succeeded."
    ),
    field(
        name = "transitions",
        ty = "Vec<JobTransition>",
        desc = "State transitions of the job, oldest first."
    )
)]
pub(in crate::graphql) enum Job {
    ExportJob(ExportJob),
    BackupJob(BackupJob),
}

impl Job {
    /// Returns the job as the type of its kind.
    pub(in crate::graphql) fn new(scope: &Scope, job: job::Model) -> Self {
        let fields = JobFields { scope: scope.clone(), job };
        match JobKind::of(&fields.job) {
            JobKind::Backup => Self::BackupJob(BackupJob(fields)),
            JobKind::Export => Self::ExportJob(ExportJob(fields)),
        }
    }
}

/// Registers that the interface `Job` implements `Node`, which the derive macro can't express.
pub(in crate::graphql) struct JobIsANode;

impl OutputType for JobIsANode {
    fn type_name() -> Cow<'static, str> {
        <Job as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.add_implements("Job", "Node");
        <Job as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}

/// The job that another one repeats: a `Job`, but without its type information. async-graphql
/// collects the fields of [`JobFields`] before it adds them to each kind's type; if they registered
/// `Job`, those types would be completed too early, without the fields. Queries register `Job`.
pub(in crate::graphql) struct RepeatedJob(Job);

impl OutputType for RepeatedJob {
    fn type_name() -> Cow<'static, str> {
        <Job as OutputType>::type_name()
    }

    fn create_type_info(_: &mut Registry) -> String {
        <Job as OutputType>::qualified_type_name()
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        self.0.resolve(ctx, field).await
    }
}

/// The fields that jobs of every kind have, which each kind's type includes.
#[Object]
impl JobFields {
    /// Global ID of the job, an opaque text.
    pub(in crate::graphql) async fn id(&self) -> ID {
        let job::Model { organization_id, id, .. } = self.job;
        GlobalId::Job { organization_id, id }.to_string().into()
    }

    /// Kind of work that the job does.
    pub(in crate::graphql) async fn kind(&self) -> JobKind {
        JobKind::of(&self.job)
    }

    /// Current state of the job.
    pub(in crate::graphql) async fn state(&self) -> JobState {
        self.job.state.into()
    }

    /// The organization that the job belongs to. Null if it concerns the whole instance.
    pub(in crate::graphql) async fn organization(&self) -> Result<Option<Organization>> {
        if self.job.organization_id == INSTANCE {
            return Ok(None);
        }
        let ids = [self.job.organization_id];
        let found = organizations::get_many(self.scope.core(), &ids).await.map_err(to_error)?;
        Ok(found.into_iter().next().map(Organization))
    }

    /// The user, service or system that requested the job.
    pub(in crate::graphql) async fn requested_by(&self) -> AuditActor {
        AuditActor {
            external_id: self.job.requester_id.clone(),
            r#type: self.job.requester_type.into(),
            email: self.job.requester_email.clone(),
            name: None,
        }
    }

    /// The time at which the job was requested.
    pub(in crate::graphql) async fn created_at(&self) -> Instant {
        self.job.created_at.into()
    }

    /// The time at which the first attempt started. Null until then.
    pub(in crate::graphql) async fn started_at(&self) -> Option<Instant> {
        self.job.started_at.map(Into::into)
    }

    /// The time at which the job reached a final state. Null until then.
    pub(in crate::graphql) async fn finished_at(&self) -> Option<Instant> {
        self.job.finished_at.map(Into::into)
    }

    /// Number of attempts so far, including the running one. 0 before the first attempt.
    pub(in crate::graphql) async fn attempt(&self) -> i32 {
        self.job.attempt
    }

    /// Maximum number of attempts. A job whose last attempt fails is FAILED.
    pub(in crate::graphql) async fn max_attempts(&self) -> i32 {
        self.job.max_attempts
    }

    /// The time at which a cancellation was requested. Null if none was.
    pub(in crate::graphql) async fn cancel_requested_at(&self) -> Option<Instant> {
        self.job.cancel_requested_at.map(Into::into)
    }

    /// The failed or canceled job that this job repeats. Null if it repeats none.
    pub(in crate::graphql) async fn retry_of(&self) -> Result<Option<RepeatedJob>> {
        let job = jobs::retried(&self.scope, &self.job).await.map_err(to_error)?;
        Ok(job.map(|job| RepeatedJob(Job::new(&self.scope, job))))
    }

    /// Progress of the current or last attempt.
    pub(in crate::graphql) async fn progress(&self) -> JobProgress {
        let job = &self.job;
        JobProgress {
            phase: job.progress_phase.clone(),
            done: BigInt(job.progress_done),
            total: job.progress_total.map(BigInt),
            fraction: job.progress_total.map(|total| fraction(job, total)),
            updated_at: job.progress_at.map(Into::into),
        }
    }

    /// The reason why the job failed, or why its last attempt is repeated. Null if there is none.
    pub(in crate::graphql) async fn error(&self) -> Option<JobError> {
        let code = self.job.error_code?;
        Some(JobError {
            code: code.into(),
            message: self.job.error_message.clone().unwrap_or_default(),
            retryable: match code {
                job::JobErrorCode::Internal
                | job::JobErrorCode::Storage
                | job::JobErrorCode::Timeout
                | job::JobErrorCode::Stalled => true,
                job::JobErrorCode::SourceChanged | job::JobErrorCode::AccessRevoked => false,
            },
        })
    }

    /// The file that the job produced. Null until the job has succeeded.
    pub(in crate::graphql) async fn artifact(&self) -> Result<Option<Artifact>> {
        if self.job.state != job::JobState::Succeeded {
            return Ok(None);
        }
        let found = artifacts::find(&self.scope, &self.job).await.map_err(to_error)?;
        let permission = jobs::required_permission(self.scope.core(), &self.job);
        Ok(found.map(|artifact| Artifact { scope: self.scope.clone(), artifact, permission }))
    }

    /// State transitions of the job, oldest first.
    pub(in crate::graphql) async fn transitions(&self) -> Result<Vec<JobTransition>> {
        let events = jobs::transitions(&self.scope, &self.job).await.map_err(to_error)?;
        let transition = |event: job_event::Model| JobTransition {
            cursor: jobs::feed_cursor(&self.scope, &event),
            from: event.from_state.map(Into::into),
            to: event.to_state.into(),
            at: event.at.into(),
            attempt: event.attempt,
            reason: event.reason,
        };
        Ok(events.into_iter().map(transition).collect())
    }
}

#[allow(clippy::cast_precision_loss, reason = "a fraction for a progress bar")]
fn fraction(job: &job::Model, total: i64) -> f64 {
    if total > 0 {
        (job.progress_done as f64 / total as f64).clamp(0.0, 1.0)
    } else {
        f64::from(u8::from(job.state == job::JobState::Succeeded))
    }
}
