//! The parts of jobs of every kind.

use async_graphql::{Enum, SimpleObject};
use daybook_entity::job;
use daybook_service::{Scope, backups::Backup, exports::Export, jobs::Kind as _};

use crate::graphql::scalar::{BigInt, Instant};

/// The common part of the types of jobs: a job, and the scope in which it is seen. Its fields are
/// resolved in [`super::interface`].
pub(in crate::graphql) struct JobFields {
    pub(in crate::graphql) scope: Scope,
    pub(in crate::graphql) job: job::Model,
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
    /// Returns the kind of a job.
    pub(super) fn of(job: &job::Model) -> Self {
        if job.kind == Backup::NAME { Self::Backup } else { Self::Export }
    }

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
    pub(super) phase: Option<String>,
    /// Number of units done, such as records of an export. In a backup, each phase contributes its
    /// share.
    pub(super) done: BigInt,
    /// Total number of units. An estimate until all rows of a backup are written. Null while
    /// unknown.
    pub(super) total: Option<BigInt>,
    /// Progress from 0.0 to 1.0. Null while the total is unknown.
    pub(super) fraction: Option<f64>,
    /// The time of the last progress report. Null before the first one.
    pub(super) updated_at: Option<Instant>,
}

/// The reason why a job failed, or why its last attempt is repeated.
#[derive(SimpleObject)]
pub(in crate::graphql) struct JobError {
    /// Category of the error.
    pub(super) code: JobErrorCode,
    /// Description of the error, for people.
    pub(super) message: String,
    /// True if the same job can succeed when it is repeated.
    pub(super) retryable: bool,
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
    pub(super) cursor: String,
    /// State before the transition. Null if the job was created.
    pub(super) from: Option<JobState>,
    /// State after the transition.
    pub(super) to: JobState,
    /// The time of the transition.
    pub(super) at: Instant,
    /// Number of the attempt at that time. 0 before the first attempt.
    pub(super) attempt: i32,
    /// Additional explanation, such as the error of a failed attempt. Null if there is none.
    pub(super) reason: Option<String>,
}
