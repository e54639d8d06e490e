//! The plan and the outcome of a backup, as stored with its job.

use chrono::{DateTime, Utc};
use daybook_entity::{job, organization::INSTANCE};
use serde::{Deserialize, Serialize};

use super::tables::{BackupScope, tables};
use crate::{Fault, Result, store::Compression};

/// Plan of a backup, stored as the job's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    /// True if the file is also restored into an empty database and compared.
    pub verify: bool,
    /// Compression of the file.
    pub compression: Compression,
    /// Time for which the schedule planned the backup; none if the backup was not scheduled.
    pub scheduled_for: Option<DateTime<Utc>>,
}

/// Outcome of a backup, stored as the job's outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Tables in the backup.
    pub tables: Vec<TableSummary>,
    /// Outcome of the verification; none if none was requested.
    pub verification: Option<Verification>,
}

/// Summary of one table in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSummary {
    /// Name of the table.
    pub name: String,
    /// Number of rows in the backup.
    pub rows: u64,
    /// Length of the rows in canonical form, in bytes.
    pub bytes: u64,
    /// Checksum of the rows, independent of their order; see [`super::TableDigest`].
    pub checksum: String,
}

/// The outcome of restoring the file into an empty database and comparing every table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// True if every table was the same.
    pub ok: bool,
    /// Time at which the verification finished.
    pub verified_at: DateTime<Utc>,
    /// Number of rows in the restored copy.
    pub restored_rows: u64,
    /// Remarks on the verification, if any.
    pub message: Option<String>,
}

impl Plan {
    /// Parses the plan of a backup job.
    ///
    /// # Errors
    /// A fault if this build can't read the payload.
    pub fn of(job: &job::Model) -> Result<Self> {
        let plan = serde_json::from_str(&job.payload);
        plan.map_err(|error| Fault::decode(format!("the plan of backup {}", job.id), error).into())
    }
}

impl Outcome {
    /// Parses the outcome of a backup job. Returns an empty outcome until the job has succeeded.
    ///
    /// # Errors
    /// A fault if this build can't read the outcome.
    pub fn of(job: &job::Model) -> Result<Self> {
        let Some(outcome) = &job.outcome else { return Ok(Self::default()) };
        let outcome = serde_json::from_str(outcome);
        let what = || format!("the outcome of backup {}", job.id);
        outcome.map_err(|error| Fault::decode(what(), error).into())
    }
}

/// Returns the scope of a backup job. A job of the instance itself backs up everything.
pub(super) fn scope(job: &job::Model) -> BackupScope {
    if job.organization_id == INSTANCE {
        BackupScope::Instance
    } else {
        BackupScope::Organization(job.organization_id)
    }
}

/// Converts tallies, each with the index of its table, to summaries.
pub(super) fn summaries(found: &[(usize, super::TableDigest)]) -> Vec<TableSummary> {
    let summary = |(index, digest): &(usize, super::TableDigest)| TableSummary {
        name: tables()[*index].name.to_owned(),
        rows: digest.rows,
        bytes: digest.bytes,
        checksum: digest.checksum(),
    };
    found.iter().map(summary).collect()
}
