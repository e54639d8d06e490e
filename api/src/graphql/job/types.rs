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

/// A background job: an export, a backup. Its life is told by `jobUpdates`.
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "Opaque and typed."),
    field(name = "kind", ty = "JobKind", desc = "What kind of work."),
    field(name = "state", ty = "JobState", desc = "Where it stands."),
    field(
        name = "organization",
        ty = "Option<Organization>",
        desc = "For whom; null for the whole instance."
    ),
    field(name = "requested_by", ty = "AuditActor", desc = "Who asked for it."),
    field(name = "created_at", ty = "Instant", desc = "When it was asked for."),
    field(name = "started_at", ty = "Option<Instant>", desc = "When its first attempt started."),
    field(name = "finished_at", ty = "Option<Instant>", desc = "When it reached a final state."),
    field(name = "attempt", ty = "i32", desc = "Attempts so far, the running one included."),
    field(name = "max_attempts", ty = "i32", desc = "Attempts that it gets."),
    field(
        name = "cancel_requested_at",
        ty = "Option<Instant>",
        desc = "Since when it is asked to stop."
    ),
    field(name = "retry_of", ty = "Option<Job>", desc = "The job that it repeats."),
    field(name = "progress", ty = "JobProgress", desc = "How far it is."),
    field(
        name = "error",
        ty = "Option<JobError>",
        desc = "Why it failed, or why it is tried again."
    ),
    field(
        name = "artifact",
        ty = "Option<Artifact>",
        desc = "What it produced. Null until it has succeeded."
    ),
    field(
        name = "transitions",
        ty = "Vec<JobTransition>",
        desc = "Each transition, oldest first."
    )
)]
pub(in crate::graphql) enum Job {
    ExportJob(ExportJob),
    BackupJob(BackupJob),
}

impl Job {
    /// The job with the fields of its kind.
    pub(in crate::graphql) fn new(scope: &Scope, job: job::Model) -> Self {
        let fields = JobFields { scope: scope.clone(), job };
        if fields.job.kind == Backup::NAME {
            Self::BackupJob(BackupJob(fields))
        } else {
            Self::ExportJob(ExportJob(fields))
        }
    }
}

/// Tells the schema that `Job` implements `Node`, for which the derive has no word.
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

/// What every kind of job has.
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
        // Of the same organization, also where the viewer is an operator.
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

/// What kind of work.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum JobKind {
    /// Records into a file.
    Export,
    /// A snapshot of the database into a file.
    Backup,
}

impl JobKind {
    /// The names under which kinds are stored.
    pub(super) fn names(kinds: Vec<Self>) -> Vec<String> {
        let name = |kind| match kind {
            Self::Export => Export::NAME.to_owned(),
            Self::Backup => Backup::NAME.to_owned(),
        };
        kinds.into_iter().map(name).collect()
    }
}

/// QUEUED -> RUNNING -> SUCCEEDED | FAILED; QUEUED or RUNNING -> CANCELED; RUNNING -> QUEUED where
/// an attempt is to be repeated. The last three are final.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "job::JobState")]
pub(in crate::graphql) enum JobState {
    /// Waits for a worker.
    Queued,
    /// An attempt is at it.
    Running,
    /// Done; its artifact is there.
    Succeeded,
    /// Given up.
    Failed,
    /// Stopped on request.
    Canceled,
}

/// The progress of a job. An attempt's progress never falls; another attempt begins at zero.
#[derive(SimpleObject)]
pub(in crate::graphql) struct JobProgress {
    /// The phase of the attempt: `records` in exports; in backups `write` and the table's name,
    /// then `restore` and `compare` while the file is verified. Null before it begins.
    phase: Option<String>,
    /// Units done. In backups each phase has its share of them.
    done: BigInt,
    /// Units in all; an estimate until all rows of a backup are written.
    total: Option<BigInt>,
    /// 0.0 to 1.0; null while the total is unknown.
    fraction: Option<f64>,
    /// When it was last said.
    updated_at: Option<Instant>,
}

/// Why a job failed, or why it is tried again.
#[derive(SimpleObject)]
pub(in crate::graphql) struct JobError {
    /// What kind of reason.
    code: JobErrorCode,
    /// For people.
    message: String,
    /// Whether the same job can succeed another time.
    retryable: bool,
}

/// Why a job failed.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "job::JobErrorCode")]
pub(in crate::graphql) enum JobErrorCode {
    /// A fault of Daybook's.
    Internal,
    /// The artifact store.
    Storage,
    /// What it was to read is no longer there.
    SourceChanged,
    /// The requester lost the role that it needs.
    AccessRevoked,
    /// An attempt took longer than it may.
    Timeout,
    /// Its worker stopped answering.
    Stalled,
}

/// A job went from one state to another.
#[derive(SimpleObject)]
pub(in crate::graphql) struct JobTransition {
    /// Its position in the feed: give it to `jobUpdates` as `after` to go on from here.
    cursor: String,
    /// The state before; null where the job was new.
    from: Option<JobState>,
    /// The state after.
    to: JobState,
    /// When.
    at: Instant,
    /// The job's attempt then.
    attempt: i32,
    /// Why, where there is more to say than the states do.
    reason: Option<String>,
}

/// The file that a job produced.
pub(in crate::graphql) struct Artifact {
    scope: Scope,
    artifact: artifact::Model,
    /// What it takes to get the file.
    permission: Permission,
}

/// The file that a job produced.
#[Object]
impl Artifact {
    /// What a browser saves it as.
    async fn file_name(&self) -> &str {
        &self.artifact.file_name
    }

    /// Its media type.
    async fn content_type(&self) -> &str {
        &self.artifact.content_type
    }

    /// Its length.
    async fn size_bytes(&self) -> BigInt {
        BigInt(self.artifact.size_bytes)
    }

    /// Lower-case hex of the file's SHA-256.
    async fn sha256(&self) -> String {
        daybook_service::hex(&self.artifact.sha256)
    }

    /// How many records it holds.
    async fn record_count(&self) -> BigInt {
        BigInt(self.artifact.record_count)
    }

    /// From when it can't be downloaded any more.
    async fn expires_at(&self) -> Instant {
        self.artifact.expires_at.into()
    }

    /// AVAILABLE if you can download the file now, or the reason why not.
    async fn availability(&self) -> Result<ArtifactAvailability> {
        let found = artifacts::availability(&self.scope, &self.artifact, self.permission);
        Ok(found.await.map_err(to_error)?.into())
    }

    /// True once the artifact has expired or been removed.
    async fn expired(&self) -> bool {
        self.artifact.removed_at.is_some()
            || self.artifact.expires_at <= self.scope.instance.clock.now()
    }

    /// A signed link, good for nine to ten minutes and never past `expiresAt`. Anyone who holds it can
    /// download the file until then, with range requests; the log says who was given it and which
    /// clients used it. Null unless `availability` is AVAILABLE.
    async fn download_url(&self) -> Result<Option<String>> {
        let link = artifacts::issue_link(&self.scope, &self.artifact, self.permission);
        link.await.map_err(to_error)
    }

    /// A description of the file to check it by: filter, range, columns, counts, checksums. Null for
    /// viewers, such as operators, who can see the job but may not export its data.
    async fn manifest(&self) -> Result<Option<Json>> {
        let Artifact { scope, artifact, permission } = self;
        let may = scope.may(artifact.organization_id, *permission).await.map_err(to_error)?;
        may.then(|| Json::stored(&artifact.manifest)).transpose()
    }
}

/// All conditions hold together; an absent one does not filter.
#[derive(InputObject)]
pub(in crate::graphql) struct JobFilter {
    /// Of these kinds.
    kinds: Option<Vec<JobKind>>,
    /// In these states.
    states: Option<Vec<JobState>>,
    /// Asked for by this subject.
    requested_by: Option<String>,
    /// Created at or after.
    created_from: Option<Instant>,
    /// Created before.
    created_to: Option<Instant>,
}

impl JobFilter {
    /// The filter of the argument at `root`; without one, that of all jobs.
    ///
    /// # Errors
    /// An instant that can't be used.
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

/// A part of a list of jobs.
pub(in crate::graphql) type JobConnection = ConnectionWith<Job, JobTotal>;

/// Counts jobs where it's asked to.
pub(in crate::graphql) struct JobTotal {
    pub(super) scope: Scope,
    pub(super) filter: jobs::Filter,
}

#[Object]
impl JobTotal {
    /// Exact. Counted only when asked for.
    async fn total_count(&self) -> Result<i32> {
        let count = jobs::count(&self.scope, &self.filter).await.map_err(to_error)?;
        Ok(i32::try_from(count)?)
    }
}
