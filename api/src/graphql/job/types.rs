//! `Job` and what is in it.
#![allow(clippy::duplicated_attributes, reason = "an interface's fields of one type look like it")]

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, Enum, ID, InputObject, Interface, Object, OutputType, Positioned, Result,
    ServerResult, SimpleObject, Value, parser::types::Field, registry::Registry,
};
use daybook_entity::{artifact, job, job_event, organization::INSTANCE};
use daybook_service::{
    GlobalId, Permission, Scope, artifacts, backups::Backup, exports::Export, jobs,
    jobs::Kind as _, organizations,
};

use super::availability::ArtifactAvailability;
use crate::graphql::{
    audit_log::types::AuditActor,
    backup::types::BackupJob,
    error::to_error,
    export::types::ExportJob,
    organization::types::Organization,
    page::ConnectionWith,
    scalar::{self, BigInt, Instant, Json},
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
        ty = "Option<Job>",
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
        if fields.job.kind == Backup::NAME {
            Self::BackupJob(BackupJob(fields))
        } else {
            Self::ExportJob(ExportJob(fields))
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

/// The fields that jobs of every kind have.
pub(in crate::graphql) struct JobFields {
    pub(in crate::graphql) scope: Scope,
    pub(in crate::graphql) job: job::Model,
}

impl JobFields {
    pub(in crate::graphql) fn id(&self) -> ID {
        let job::Model { organization_id, id, .. } = self.job;
        GlobalId::Job { organization_id, id }.to_string().into()
    }

    pub(in crate::graphql) async fn organization(&self) -> Result<Option<Organization>> {
        if self.job.organization_id == INSTANCE {
            return Ok(None);
        }
        let ids = [self.job.organization_id];
        let found = organizations::get_many(&self.scope.instance, &ids).await.map_err(to_error)?;
        Ok(found.into_iter().next().map(Organization))
    }

    pub(in crate::graphql) fn requested_by(&self) -> AuditActor {
        AuditActor {
            id: self.job.requester_id.clone(),
            r#type: self.job.requester_type.into(),
            email: self.job.requester_email.clone(),
            name: None,
        }
    }

    pub(in crate::graphql) async fn retry_of(&self) -> Result<Option<Job>> {
        let Some(id) = self.job.retry_of else { return Ok(None) };
        // The repeated job is of the same organization, even if the viewer is an operator.
        let organization_id = self.job.organization_id;
        let scope = Scope { organization_id, ..self.scope.clone() };
        let job = jobs::find(&scope, id).await.map_err(to_error)?;
        Ok(job.map(|job| Job::new(&self.scope, job)))
    }

    pub(in crate::graphql) fn progress(&self) -> JobProgress {
        let job = &self.job;
        JobProgress {
            phase: job.progress_phase.clone(),
            done: BigInt(job.progress_done),
            total: job.progress_total.map(BigInt),
            fraction: job.progress_total.map(|total| fraction(job, total)),
            updated_at: job.progress_at.map(Into::into),
        }
    }

    pub(in crate::graphql) fn error(&self) -> Option<JobError> {
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

    pub(in crate::graphql) async fn artifact(&self) -> Result<Option<Artifact>> {
        if self.job.state != job::JobState::Succeeded {
            return Ok(None);
        }
        let job::Model { organization_id, id, .. } = self.job;
        let found = artifacts::find(&self.scope, organization_id, id).await.map_err(to_error)?;
        let permission = jobs::required_permission(&self.scope.instance, &self.job);
        Ok(found.map(|artifact| Artifact { scope: self.scope.clone(), artifact, permission }))
    }

    pub(in crate::graphql) async fn transitions(&self) -> Result<Vec<JobTransition>> {
        let job::Model { organization_id, id, .. } = self.job;
        let events = jobs::transitions(&self.scope, organization_id, id).await.map_err(to_error)?;
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

/// The kind of work that a job does.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum JobKind {
    /// Exports audit log entries or notes to a file.
    Export,
    /// Backs up an organization or the whole instance to a file.
    Backup,
}

impl JobKind {
    /// Returns the names under which the kinds are stored.
    pub(super) fn names(kinds: Vec<Self>) -> Vec<String> {
        let name = |kind| match kind {
            Self::Export => Export::NAME.to_owned(),
            Self::Backup => Backup::NAME.to_owned(),
        };
        kinds.into_iter().map(name).collect()
    }
}

/// The state of a job. Transitions are QUEUED -> RUNNING -> SUCCEEDED or FAILED, QUEUED or RUNNING
/// -> CANCELED, and RUNNING -> QUEUED if an attempt is repeated. SUCCEEDED, FAILED and CANCELED are
/// final.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "job::JobState")]
pub(in crate::graphql) enum JobState {
    /// The job waits for a worker.
    Queued,
    /// A worker runs an attempt of the job.
    Running,
    /// The job is done. Its artifact is complete.
    Succeeded,
    /// The job failed and is not repeated automatically.
    Failed,
    /// The job was stopped on request.
    Canceled,
}

/// The progress of a job's current or last attempt. It never decreases within an attempt, and
/// starts at zero in each new attempt.
#[derive(SimpleObject)]
pub(in crate::graphql) struct JobProgress {
    /// Phase of the attempt. In exports `records`; in backups `write` and the name of a table, then
    /// `restore` and `compare` while the file is verified. Null before the first phase.
    phase: Option<String>,
    /// Number of units done, such as records of an export. In a backup, each phase contributes its
    /// share.
    done: BigInt,
    /// Total number of units. An estimate until all rows of a backup are written. Null while
    /// unknown.
    total: Option<BigInt>,
    /// Progress from 0.0 to 1.0. Null while the total is unknown.
    fraction: Option<f64>,
    /// The time of the last progress report. Null before the first one.
    updated_at: Option<Instant>,
}

/// The reason why a job failed, or why its last attempt is repeated.
#[derive(SimpleObject)]
pub(in crate::graphql) struct JobError {
    /// Category of the error.
    code: JobErrorCode,
    /// Description of the error, for people.
    message: String,
    /// True if the same job can succeed when it is repeated.
    retryable: bool,
}

/// The category of a job's error.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "job::JobErrorCode")]
pub(in crate::graphql) enum JobErrorCode {
    /// An internal error of Daybook.
    Internal,
    /// The artifact store failed.
    Storage,
    /// The data that the job was to read no longer exists.
    SourceChanged,
    /// The requester no longer has the role that the job requires.
    AccessRevoked,
    /// An attempt exceeded its time limit.
    Timeout,
    /// The worker stopped responding.
    Stalled,
}

/// A transition of a job from one state to another.
#[derive(SimpleObject)]
pub(in crate::graphql) struct JobTransition {
    /// Cursor of the transition. Pass it to `jobUpdates` as `after` to receive what follows.
    cursor: String,
    /// State before the transition. Null if the job was created.
    from: Option<JobState>,
    /// State after the transition.
    to: JobState,
    /// The time of the transition.
    at: Instant,
    /// Number of the attempt at that time. 0 before the first attempt.
    attempt: i32,
    /// Additional explanation, such as the error of a failed attempt. Null if there is none.
    reason: Option<String>,
}

/// The file that a job produced.
pub(in crate::graphql) struct Artifact {
    scope: Scope,
    artifact: artifact::Model,
    /// The permission that downloading the file requires.
    permission: Permission,
}

/// The file that a job produced.
#[Object]
impl Artifact {
    /// Name of the file, under which browsers save it.
    async fn file_name(&self) -> &str {
        &self.artifact.file_name
    }

    /// Media type of the file.
    async fn content_type(&self) -> &str {
        &self.artifact.content_type
    }

    /// Size of the file in bytes.
    async fn size_bytes(&self) -> BigInt {
        BigInt(self.artifact.size_bytes)
    }

    /// SHA-256 of the file, in lowercase hex.
    async fn sha256(&self) -> String {
        daybook_service::hex(&self.artifact.sha256)
    }

    /// Number of records in the file.
    async fn record_count(&self) -> BigInt {
        BigInt(self.artifact.record_count)
    }

    /// The artifact can be downloaded until this time.
    async fn expires_at(&self) -> Instant {
        self.artifact.expires_at.into()
    }

    /// AVAILABLE if the viewer can download the file now, or the reason why not.
    async fn availability(&self) -> Result<ArtifactAvailability> {
        let found = artifacts::availability(&self.scope, &self.artifact, self.permission);
        Ok(found.await.map_err(to_error)?.into())
    }

    /// True once the artifact has expired or been removed.
    async fn expired(&self) -> bool {
        self.artifact.removed_at.is_some()
            || self.artifact.expires_at <= self.scope.instance.clock.now()
    }

    /// Signed link to the file, valid for nine to ten minutes and never longer than until
    /// `expiresAt`. Anyone who has the link can download the file until then, with range requests.
    /// The audit log records who received the link and which clients used it. Null unless
    /// `availability` is AVAILABLE.
    async fn download_url(&self) -> Result<Option<String>> {
        let link = artifacts::issue_link(&self.scope, &self.artifact, self.permission);
        link.await.map_err(to_error)
    }

    /// Description of the file, for verifying it: filter, range, columns, counts and checksums.
    /// Null for viewers, such as operators, who can see the job but may not export its data.
    async fn manifest(&self) -> Result<Option<Json>> {
        let Artifact { scope, artifact, permission } = self;
        let may = scope.may(artifact.organization_id, *permission).await.map_err(to_error)?;
        may.then(|| Json::stored(&artifact.manifest)).transpose()
    }
}

/// Conditions on jobs. A job must meet all of them; an absent or null condition matches everything.
#[derive(InputObject)]
pub(in crate::graphql) struct JobFilter {
    /// Matches jobs of one of these kinds.
    kinds: Option<Vec<JobKind>>,
    /// Matches jobs in one of these states.
    states: Option<Vec<JobState>>,
    /// Matches jobs that this subject requested.
    requested_by: Option<String>,
    /// Matches jobs that were requested at or after this time.
    created_from: Option<Instant>,
    /// Matches jobs that were requested before this time.
    created_to: Option<Instant>,
}

impl JobFilter {
    /// Returns the filter of the argument at `root`, or one that matches all jobs if it is absent.
    ///
    /// # Errors
    /// A time that can't be used.
    pub(super) fn read(
        filter: Option<Self>,
        root: &[&str],
    ) -> Result<jobs::Filter, daybook_service::Error> {
        let Some(filter) = filter else { return Ok(jobs::Filter::default()) };
        let Self { kinds, states, requested_by, created_from, created_to } = filter;
        let mut problems = Vec::new();
        let created_from = scalar::read(created_from, (root, "createdFrom"), &mut problems);
        let created_to = scalar::read(created_to, (root, "createdTo"), &mut problems);
        if !problems.is_empty() {
            return Err(daybook_service::Error::Refused(problems));
        }
        Ok(jobs::Filter {
            kinds: kinds.map(JobKind::names),
            states: states.map(|states| states.into_iter().map(Into::into).collect()),
            requested_by,
            created_from,
            created_to,
        })
    }
}

/// A page of jobs.
pub(in crate::graphql) type JobConnection = ConnectionWith<Job, JobTotal>;

/// The number of jobs that match a filter, counted only if selected.
pub(in crate::graphql) struct JobTotal {
    pub(super) scope: Scope,
    pub(super) filter: jobs::Filter,
}

#[Object]
impl JobTotal {
    /// Exact number of jobs that match the filter, on all pages. Counted only if selected.
    async fn total_count(&self) -> Result<i32> {
        let count = jobs::count(&self.scope, &self.filter).await.map_err(to_error)?;
        Ok(i32::try_from(count)?)
    }
}
