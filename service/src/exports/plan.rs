//! What an export is to do, frozen when it's asked for, and what came of it.

use daybook_entity::job;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Format;
use crate::{
    Fault, Result,
    audit::{Filter, Order},
    permission::JobWork,
    store::Compression,
};

/// What an export is to do: the job's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    /// What.
    pub source: Source,
    /// As what.
    pub format: Format,
    /// How the file is compressed.
    pub compression: Compression,
    /// Most records of a log.
    pub max_records: u64,
    /// Records that matched when it was asked for, from where the source begins on.
    pub records_matched: u64,
}

/// What is exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Entries of the audit log.
    AuditLogs(Box<AuditLogs>),
    /// A workspace's notes.
    Notes(NotesSource),
}

/// A workspace's notes, as of the moment when the export runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NotesSource {
    /// Which workspace.
    pub workspace_id: Uuid,
}

/// Entries of the audit log, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AuditLogs {
    /// Which entries.
    pub filter: Filter,
    /// In which order.
    pub order_by: Order,
    /// Nothing recorded after this sequence is in it.
    pub through: i64,
    /// The continuation that it goes on from.
    pub after: Option<String>,
    /// Sequence through which the log had been removed then; unknown to the version before.
    #[serde(default)]
    pub pruned: Option<i64>,
    /// Whether a CSV begins with a byte order mark.
    pub csv_byte_order_mark: bool,
}

impl AuditLogs {
    /// Sequence through which the log had been removed when it was asked for. The version before knew
    /// of no removal: whatever was removed, it may have counted.
    pub(super) fn known_pruned(&self) -> i64 {
        self.pruned.unwrap_or(0)
    }
}

/// What came of an export: the job's outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Whether the cap cut it off.
    pub truncated: bool,
    /// Where the next piece goes on, if it did.
    pub continuation: Option<String>,
}

impl Plan {
    /// The plan of an export job.
    ///
    /// # Errors
    /// A payload that this build can't read.
    pub fn of(job: &job::Model) -> Result<Self> {
        let plan = serde_json::from_str(&job.payload);
        plan.map_err(|error| Fault::Stored(format!("export {}: {error}", job.id)).into())
    }

    /// Sequence through which the log had been removed when it was planned; none if it reads no log.
    pub(crate) fn pruned(&self) -> Option<i64> {
        match &self.source {
            Source::AuditLogs(source) => Some(source.known_pruned()),
            Source::Notes(_) => None,
        }
    }

    /// How many records it writes, as far as that's known when it's asked for.
    pub(super) fn total(&self) -> u64 {
        match self.source {
            Source::AuditLogs(_) => self.records_matched.min(self.max_records),
            // Index and links are of the whole workspace.
            Source::Notes(_) => self.records_matched,
        }
    }

    /// Returns the work that the plan is for.
    #[must_use]
    pub fn work(&self) -> JobWork {
        match self.source {
            Source::AuditLogs(_) => JobWork::ExportAuditLog,
            Source::Notes(_) => JobWork::ExportNotes,
        }
    }
}

impl Outcome {
    /// The outcome of an export job; the default one until it has succeeded.
    ///
    /// # Errors
    /// An outcome that this build can't read.
    pub fn of(job: &job::Model) -> Result<Self> {
        let Some(outcome) = &job.outcome else { return Ok(Self::default()) };
        let outcome = serde_json::from_str(outcome);
        outcome.map_err(|error| Fault::Stored(format!("export {}: {error}", job.id)).into())
    }
}
