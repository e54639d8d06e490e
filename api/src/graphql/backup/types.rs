//! `BackupJob` and what is in it.

use async_graphql::{Enum, ID, Object, Result, SimpleObject};
use daybook_entity::organization::INSTANCE;
use daybook_service::{
    artifacts::Compression,
    backups::{self, Outcome, Plan},
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

/// A backup.
pub(in crate::graphql) struct BackupJob(pub(in crate::graphql) JobFields);

/// A snapshot of the database as a SQL file.
#[Object]
impl BackupJob {
    /// Opaque and typed.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.0.id()
    }

    /// What kind of work.
    pub(in crate::graphql) async fn kind(&self) -> JobKind {
        JobKind::Backup
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

    /// Of whom it is.
    async fn scope(&self) -> BackupScope {
        if self.0.job.organization_id == INSTANCE {
            BackupScope::Instance
        } else {
            BackupScope::Organization
        }
    }

    /// How the file is compressed.
    async fn compression(&self) -> Result<BackupCompression> {
        Ok(match Plan::of(&self.0.job).map_err(to_error)?.compression {
            Compression::None => BackupCompression::None,
            Compression::Gzip => BackupCompression::Gzip,
            Compression::Zstd => BackupCompression::Zstd,
        })
    }

    /// Empty until it has succeeded.
    async fn tables(&self) -> Result<Vec<TableBackup>> {
        let outcome = Outcome::of(&self.0.job).map_err(to_error)?;
        Ok(outcome.tables.into_iter().map(TableBackup::from).collect())
    }

    /// Null until it has succeeded, and where it was not asked for. A backup whose verification
    /// fails is FAILED, and its error names the table.
    async fn verification(&self) -> Result<Option<BackupVerification>> {
        let outcome = Outcome::of(&self.0.job).map_err(to_error)?;
        Ok(outcome.verification.map(BackupVerification::from))
    }
}

/// Of whom a backup is.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum BackupScope {
    /// One organization's log, members, workspaces and notes: it stands alone.
    Organization,
    /// Everything that the instance holds in its database.
    Instance,
}

/// How a backup's file is compressed: it is downloaded as it is stored.
#[derive(Enum, Copy, Clone, Debug, Default, PartialEq, Eq)]
#[graphql(remote = "Compression")]
pub(in crate::graphql) enum BackupCompression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952: `.gz`.
    Gzip,
    /// RFC 8878: `.zst`.
    Zstd,
}

/// A table of a backup.
#[derive(SimpleObject)]
pub(in crate::graphql) struct TableBackup {
    /// Its name.
    name: String,
    /// How many rows.
    rows: BigInt,
    /// Bytes of the rows' content.
    bytes: BigInt,
    /// Of the rows' content, whatever their order: the sum, modulo 2^256, of the SHA-256 of each row
    /// as PostgreSQL's COPY writes it.
    checksum: String,
}

impl From<backups::TableSummary> for TableBackup {
    fn from(table: backups::TableSummary) -> Self {
        let backups::TableSummary { name, rows, bytes, checksum } = table;
        Self { name, rows: big(rows), bytes: big(bytes), checksum }
    }
}

/// The outcome of restoring the file into an empty database and comparing every table.
#[derive(SimpleObject)]
pub(in crate::graphql) struct BackupVerification {
    /// Whether every table was the same.
    ok: bool,
    /// When that was known.
    verified_at: Instant,
    /// How many rows the restored copy had.
    restored_rows: BigInt,
    /// What there is to say about it.
    message: Option<String>,
}

impl From<backups::Verification> for BackupVerification {
    fn from(verification: backups::Verification) -> Self {
        let backups::Verification { ok, verified_at, restored_rows, message } = verification;
        Self { ok, verified_at: verified_at.into(), restored_rows: big(restored_rows), message }
    }
}

fn big(count: u64) -> BigInt {
    BigInt(i64::try_from(count).unwrap_or(i64::MAX))
}
