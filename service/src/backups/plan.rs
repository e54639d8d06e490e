//! What a backup is to do, and what came of it.

use chrono::{DateTime, Utc};
use daybook_entity::{job, organization::INSTANCE};
use serde::{Deserialize, Serialize};

use super::tables::{BackupScope, tables};
use crate::{Fault, Result, store::Compression};

/// What a backup is to do: the job's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    /// Whether the file is restored into an empty database and compared.
    pub verify: bool,
    /// How the file is compressed.
    pub compression: Compression,
    /// When the schedule asked for it, if it did.
    pub scheduled_for: Option<DateTime<Utc>>,
}

/// What came of a backup: the job's outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// What is in it.
    pub tables: Vec<TableSummary>,
    /// What restoring it came to, where that was asked for.
    pub verification: Option<Verification>,
}

/// A table of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSummary {
    /// Its name.
    pub name: String,
    /// How many rows.
    pub rows: u64,
    /// Bytes of their content.
    pub bytes: u64,
    /// Of the rows' content, whatever their order; see [`super::Tally`].
    pub checksum: String,
}

/// The outcome of restoring the file into an empty database and comparing every table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Whether every table was the same.
    pub ok: bool,
    /// When that was known.
    pub verified_at: DateTime<Utc>,
    /// How many rows the restored copy had.
    pub restored_rows: u64,
    /// How it was done.
    pub message: Option<String>,
}

impl Plan {
    /// The plan of a backup job.
    ///
    /// # Errors
    /// A payload that this build can't read.
    pub fn of(job: &job::Model) -> Result<Self> {
        let plan = serde_json::from_str(&job.payload);
        plan.map_err(|error| Fault::Stored(format!("backup {}: {error}", job.id)).into())
    }
}

impl Outcome {
    /// The outcome of a backup job; an empty one until it has succeeded.
    ///
    /// # Errors
    /// An outcome that this build can't read.
    pub fn of(job: &job::Model) -> Result<Self> {
        let Some(outcome) = &job.outcome else { return Ok(Self::default()) };
        let outcome = serde_json::from_str(outcome);
        outcome.map_err(|error| Fault::Stored(format!("backup {}: {error}", job.id)).into())
    }
}

/// Of whom a backup job is: the instance's own jobs are of everything.
pub(super) fn scope(job: &job::Model) -> BackupScope {
    if job.organization_id == INSTANCE {
        BackupScope::Instance
    } else {
        BackupScope::Organization(job.organization_id)
    }
}

/// The summaries of tables by their index.
pub(super) fn summaries(found: &[(usize, super::Tally)]) -> Vec<TableSummary> {
    let summary = |(index, tally): &(usize, super::Tally)| TableSummary {
        name: tables()[*index].name.to_owned(),
        rows: tally.rows,
        bytes: tally.bytes,
        checksum: tally.checksum(),
    };
    found.iter().map(summary).collect()
}
