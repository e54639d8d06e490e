//! `BackupJob` and its parts.

use std::ops::Deref;

use async_graphql::{Enum, Object, Result, SimpleObject};
use daybook_entity::organization::INSTANCE;
use daybook_service::backups::{self, Outcome, Plan};

use crate::graphql::{
    error::to_error,
    job::{compression::Compression, types::JobFields},
    scalar::{BigInt, Instant},
};

/// A job that backs up the database.
pub(in crate::graphql) struct BackupJob(pub(in crate::graphql) JobFields);

/// Lets the interface `Job` resolve its fields.
impl Deref for BackupJob {
    type Target = JobFields;

    fn deref(&self) -> &JobFields {
        &self.0
    }
}

/// A job that writes a snapshot of an organization or of the whole instance to a SQL file.
#[Object]
impl BackupJob {
    /// The fields that jobs of every kind have.
    #[graphql(flatten)]
    async fn fields(&self) -> &JobFields {
        &self.0
    }

    /// Scope of the backup: one organization or the whole instance.
    async fn scope(&self) -> BackupScope {
        if self.0.job.organization_id == INSTANCE {
            BackupScope::Instance
        } else {
            BackupScope::Organization
        }
    }

    /// Compression of the file.
    async fn compression(&self) -> Result<Compression> {
        Ok(Plan::of(&self.0.job).map_err(to_error)?.compression.into())
    }

    /// Tables in the backup. Empty until the job has succeeded.
    async fn tables(&self) -> Result<Vec<TableBackup>> {
        let outcome = Outcome::of(&self.0.job).map_err(to_error)?;
        Ok(outcome.tables.into_iter().map(TableBackup::from).collect())
    }

    /// Result of verifying the backup. Null until the job has succeeded, or if verification was not
    /// requested. A backup whose verification fails is FAILED, and its error names the table.
    async fn verification(&self) -> Result<Option<BackupVerification>> {
        let outcome = Outcome::of(&self.0.job).map_err(to_error)?;
        Ok(outcome.verification.map(BackupVerification::from))
    }
}

/// The scope of a backup.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum BackupScope {
    /// One organization, including its audit log, members, workspaces and notes. The file can be
    /// restored on its own.
    Organization,
    /// The whole database of the instance.
    Instance,
}

/// A table in a backup.
#[derive(SimpleObject)]
pub(in crate::graphql) struct TableBackup {
    /// Name of the table.
    name: String,
    /// Number of rows.
    rows: BigInt,
    /// Size of the rows' content in bytes.
    bytes: BigInt,
    /// Checksum of the rows' content, independent of their order: the sum, modulo 2^256, of the
    /// SHA-256 hashes of all rows as PostgreSQL's COPY writes them.
    checksum: String,
}

impl From<backups::TableSummary> for TableBackup {
    fn from(table: backups::TableSummary) -> Self {
        let backups::TableSummary { name, rows, bytes, checksum } = table;
        Self { name, rows: big(rows), bytes: big(bytes), checksum }
    }
}

/// The result of verifying a backup: its file was restored into an empty database, and every table
/// was compared.
#[derive(SimpleObject)]
pub(in crate::graphql) struct BackupVerification {
    /// True if every table was identical.
    ok: bool,
    /// The time at which the verification finished.
    verified_at: Instant,
    /// Number of rows in the restored database.
    restored_rows: BigInt,
    /// Additional information. Null if there is none.
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
