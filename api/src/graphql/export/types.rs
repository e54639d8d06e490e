//! `ExportJob` and its parts.

use async_graphql::{Enum, ID, Object, Result};
use daybook_service::{
    artifacts,
    exports::{self, Outcome, Plan},
};

use crate::graphql::{
    audit_log::types::AuditActor,
    error::to_error,
    job::types::{
        Artifact, Job, JobError, JobFields, JobKind, JobProgress, JobState, JobTransition,
    },
    organization::types::Organization,
    scalar::{BigInt, Instant},
};

/// A job that exports records to a file.
pub(in crate::graphql) struct ExportJob(pub(in crate::graphql) JobFields);

/// A job that exports audit log entries or notes to a file.
#[Object]
impl ExportJob {
    /// Global ID of the job, an opaque text.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.0.id()
    }

    /// Kind of work that the job does.
    pub(in crate::graphql) async fn kind(&self) -> JobKind {
        JobKind::Export
    }

    /// Current state of the job.
    pub(in crate::graphql) async fn state(&self) -> JobState {
        self.0.job.state.into()
    }

    /// The organization that the job belongs to. Null if it concerns the whole instance.
    pub(in crate::graphql) async fn organization(&self) -> Result<Option<Organization>> {
        self.0.organization().await
    }

    /// The user, service or system that requested the job.
    pub(in crate::graphql) async fn requested_by(&self) -> AuditActor {
        self.0.requested_by()
    }

    /// The time at which the job was requested.
    pub(in crate::graphql) async fn created_at(&self) -> Instant {
        self.0.job.created_at.into()
    }

    /// The time at which the first attempt started. Null until then.
    pub(in crate::graphql) async fn started_at(&self) -> Option<Instant> {
        self.0.job.started_at.map(Into::into)
    }

    /// The time at which the job reached a final state. Null until then.
    pub(in crate::graphql) async fn finished_at(&self) -> Option<Instant> {
        self.0.job.finished_at.map(Into::into)
    }

    /// Number of attempts so far, including the running one. 0 before the first attempt.
    pub(in crate::graphql) async fn attempt(&self) -> i32 {
        self.0.job.attempt
    }

    /// Maximum number of attempts. A job whose last attempt fails is FAILED.
    pub(in crate::graphql) async fn max_attempts(&self) -> i32 {
        self.0.job.max_attempts
    }

    /// The time at which a cancellation was requested. Null if none was.
    pub(in crate::graphql) async fn cancel_requested_at(&self) -> Option<Instant> {
        self.0.job.cancel_requested_at.map(Into::into)
    }

    /// The failed or canceled job that this job repeats. Null if it repeats none.
    pub(in crate::graphql) async fn retry_of(&self) -> Result<Option<Job>> {
        self.0.retry_of().await
    }

    /// Progress of the current or last attempt.
    pub(in crate::graphql) async fn progress(&self) -> JobProgress {
        self.0.progress()
    }

    /// The reason why the job failed, or why its last attempt is repeated. Null if there is none.
    pub(in crate::graphql) async fn error(&self) -> Option<JobError> {
        self.0.error()
    }

    /// The file that the job produced. Null until the job has succeeded.
    pub(in crate::graphql) async fn artifact(&self) -> Result<Option<Artifact>> {
        self.0.artifact().await
    }

    /// State transitions of the job, oldest first.
    pub(in crate::graphql) async fn transitions(&self) -> Result<Vec<JobTransition>> {
        self.0.transitions().await
    }

    /// Format of the file.
    pub(in crate::graphql) async fn format(&self) -> Result<ExportFormat> {
        Ok(Plan::of(&self.0.job).map_err(to_error)?.format.into())
    }

    /// Compression of the file.
    pub(in crate::graphql) async fn compression(&self) -> Result<ExportCompression> {
        Ok(Plan::of(&self.0.job).map_err(to_error)?.compression.into())
    }

    /// Number of records that matched when the export was started. In an export that continues
    /// another one, only records after that one count.
    pub(in crate::graphql) async fn records_matched(&self) -> Result<Option<BigInt>> {
        let plan = Plan::of(&self.0.job).map_err(to_error)?;
        Ok(i64::try_from(plan.records_matched).ok().map(BigInt))
    }

    /// True if the file reached its maximum size before all records were written. Use
    /// `continuation` to export the records that follow.
    pub(in crate::graphql) async fn truncated(&self) -> Result<bool> {
        Ok(Outcome::of(&self.0.job).map_err(to_error)?.truncated)
    }

    /// Pass it to `startExport` as `after`, with the same source, to export the records that
    /// follow. Null unless `truncated` is true.
    pub(in crate::graphql) async fn continuation(&self) -> Result<Option<String>> {
        Ok(Outcome::of(&self.0.job).map_err(to_error)?.continuation)
    }
}

/// The file format of an export. CSV, JSON, JSONL and PARQUET are for audit logs, MARKDOWN is for
/// notes.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "exports::Format")]
pub(in crate::graphql) enum ExportFormat {
    /// Comma-separated values (RFC 4180) with a header row.
    Csv,
    /// A JSON array with one object per entry.
    Json,
    /// JSON Lines: one object per entry, each on a line of its own.
    Jsonl,
    /// A ZIP archive with one Markdown file per note, with front matter, an index, and a report of
    /// broken links.
    Markdown,
    /// Apache Parquet with the same columns as CSV: times in UTC with microseconds, the sequence as
    /// a number, `changes` and `extra` as JSON, and all other columns as text. Pages are compressed
    /// with Zstandard, so leave `compression` at NONE. The file's metadata contains the manifest
    /// under the key `daybook.manifest`.
    Parquet,
}

/// The compression of an export's file. The file is downloaded as it is stored, with the
/// compression in its name and media type.
#[derive(Enum, Copy, Clone, Debug, Default, PartialEq, Eq)]
#[graphql(remote = "artifacts::Compression")]
pub(in crate::graphql) enum ExportCompression {
    /// No compression.
    #[default]
    None,
    /// Gzip (RFC 1952), file extension `.gz`.
    Gzip,
    /// Zstandard (RFC 8878), file extension `.zst`. Smaller than GZIP, in a third of the time.
    Zstd,
}
