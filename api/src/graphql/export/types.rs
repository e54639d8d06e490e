//! `ExportJob`.

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

/// An export.
pub(in crate::graphql) struct ExportJob(pub(in crate::graphql) JobFields);

/// Records into a file.
#[Object]
impl ExportJob {
    /// Opaque and typed.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.0.id()
    }

    /// What kind of work.
    pub(in crate::graphql) async fn kind(&self) -> JobKind {
        JobKind::Export
    }

    /// Where it stands.
    pub(in crate::graphql) async fn state(&self) -> JobState {
        self.0.job.state.into()
    }

    /// For whom.
    pub(in crate::graphql) async fn organization(&self) -> Result<Option<Organization>> {
        self.0.organization().await
    }

    /// Who asked for it.
    pub(in crate::graphql) async fn requested_by(&self) -> AuditActor {
        self.0.requested_by()
    }

    /// When it was asked for.
    pub(in crate::graphql) async fn created_at(&self) -> Instant {
        self.0.job.created_at.into()
    }

    /// When its first attempt started.
    pub(in crate::graphql) async fn started_at(&self) -> Option<Instant> {
        self.0.job.started_at.map(Into::into)
    }

    /// When it reached a final state.
    pub(in crate::graphql) async fn finished_at(&self) -> Option<Instant> {
        self.0.job.finished_at.map(Into::into)
    }

    /// Attempts so far, the running one included.
    pub(in crate::graphql) async fn attempt(&self) -> i32 {
        self.0.job.attempt
    }

    /// Attempts that it gets.
    pub(in crate::graphql) async fn max_attempts(&self) -> i32 {
        self.0.job.max_attempts
    }

    /// Since when it is asked to stop.
    pub(in crate::graphql) async fn cancel_requested_at(&self) -> Option<Instant> {
        self.0.job.cancel_requested_at.map(Into::into)
    }

    /// The job that it repeats.
    pub(in crate::graphql) async fn retry_of(&self) -> Result<Option<Job>> {
        self.0.retry_of().await
    }

    /// How far it is.
    pub(in crate::graphql) async fn progress(&self) -> JobProgress {
        self.0.progress()
    }

    /// Why it failed, or why it is tried again.
    pub(in crate::graphql) async fn error(&self) -> Option<JobError> {
        self.0.error()
    }

    /// What it produced. Null until it has succeeded.
    pub(in crate::graphql) async fn artifact(&self) -> Result<Option<Artifact>> {
        self.0.artifact().await
    }

    /// Each transition, oldest first.
    pub(in crate::graphql) async fn transitions(&self) -> Result<Vec<JobTransition>> {
        self.0.transitions().await
    }

    /// What the file is written as.
    pub(in crate::graphql) async fn format(&self) -> Result<ExportFormat> {
        Ok(Plan::of(&self.0.job).map_err(to_error)?.format.into())
    }

    /// How the file is compressed.
    pub(in crate::graphql) async fn compression(&self) -> Result<ExportCompression> {
        Ok(Plan::of(&self.0.job).map_err(to_error)?.compression.into())
    }

    /// Records that matched when it was started; of a continuation: those after it.
    pub(in crate::graphql) async fn records_matched(&self) -> Result<Option<BigInt>> {
        let plan = Plan::of(&self.0.job).map_err(to_error)?;
        Ok(i64::try_from(plan.records_matched).ok().map(BigInt))
    }

    /// True where the cap cut it off: `continuation` then starts the next piece exactly after the
    /// last record.
    pub(in crate::graphql) async fn truncated(&self) -> Result<bool> {
        Ok(Outcome::of(&self.0.job).map_err(to_error)?.truncated)
    }

    /// Give it to startExport as `after`, with the same source, for the next piece.
    pub(in crate::graphql) async fn continuation(&self) -> Result<Option<String>> {
        Ok(Outcome::of(&self.0.job).map_err(to_error)?.continuation)
    }
}

/// CSV, JSON (one array), JSONL (one object a line) and PARQUET take audit logs; MARKDOWN (a ZIP of
/// one file a note) takes notes.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "exports::Format")]
pub(in crate::graphql) enum ExportFormat {
    /// RFC 4180, with a header.
    Csv,
    /// One array.
    Json,
    /// One object a line.
    Jsonl,
    /// A ZIP of Markdown files with front matter, an index and a report of links that lead nowhere.
    Markdown,
    /// Apache Parquet, with the columns of the CSV: times in UTC to the microsecond, the sequence as a
    /// number, `changes` and `extra` as JSON, and the rest as text. Its pages are compressed by Zstandard:
    /// leave `compression` at NONE. The manifest is in its metadata, as `daybook.manifest`.
    Parquet,
}

/// How an export's file is compressed. The file's name and media type say so, too: it is downloaded
/// as it is stored.
#[derive(Enum, Copy, Clone, Debug, Default, PartialEq, Eq)]
#[graphql(remote = "artifacts::Compression")]
pub(in crate::graphql) enum ExportCompression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952: `.gz`.
    Gzip,
    /// RFC 8878: `.zst`. Smaller than GZIP, at a third of its time.
    Zstd,
}
