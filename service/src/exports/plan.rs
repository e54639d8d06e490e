//! Plans and outcomes of exports. A plan is fixed when the export is requested.

use daybook_entity::job;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    Fault, Result,
    audit::{Filter, Order},
    permission::JobWork,
    store::Compression,
};

/// Plan of an export, stored as the payload of its job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    /// Records to export.
    pub source: Source,
    /// Format of the file.
    pub format: Format,
    /// Compression of the file.
    pub compression: Compression,
    /// Maximum number of records of an export of a log.
    pub max_records: u64,
    /// Number of records that matched at the time of the request. For a continued export, only
    /// records after the continuation count.
    pub records_matched: u64,
}

/// File format of an export.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Format {
    /// CSV (RFC 4180), with a header row.
    Csv,
    /// One JSON array (RFC 8259).
    Json,
    /// One JSON object per line.
    Jsonl,
    /// A ZIP of Markdown files, for exports of notes only.
    Markdown,
    /// Apache Parquet, whose pages are compressed with Zstandard.
    Parquet,
    /// A workbook for Excel and LibreOffice.
    Xlsx,
}

/// The records of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Entries of the audit log.
    AuditLogs(Box<AuditLogs>),
    /// A workspace's notes.
    Notes(NotesSource),
}

/// A workspace's notes, as they are when the export runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NotesSource {
    /// ID of the workspace.
    pub workspace_id: Uuid,
}

/// Entries of the audit log, up to a fixed sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AuditLogs {
    /// Filter that the entries match.
    pub filter: Filter,
    /// Order of the entries in the file.
    pub order_by: Order,
    /// Last sequence that the export may contain; later entries are left out.
    pub through: i64,
    /// Continuation of the earlier export that this one goes on from, if any.
    pub after: Option<String>,
    /// Sequence through which the log had been pruned when the export was planned. Absent in plans
    /// of the previous version.
    #[serde(default)]
    pub pruned: Option<i64>,
    /// True if a CSV file begins with a byte order mark.
    pub csv_byte_order_mark: bool,
    /// True if no cell of a CSV file begins a formula.
    pub csv_neutralize: bool,
}

impl AuditLogs {
    /// Returns the sequence through which the log had been pruned when the export was planned, or 0
    /// if the plan does not say. Plans of the previous version don't: their count of matching
    /// records may include any entry that was pruned since.
    pub(super) fn known_pruned(&self) -> i64 {
        self.pruned.unwrap_or(0)
    }
}

/// Outcome of an export, stored as the outcome of its job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// True if the record limit cut the export off before its last matching record.
    pub truncated: bool,
    /// Continuation to start the next piece with, if the export was truncated.
    pub continuation: Option<String>,
    /// Number of values that are longer than a cell of a spreadsheet can be. Absent for formats that
    /// are not for spreadsheets.
    pub long_cells: Option<u64>,
}

impl Plan {
    /// Reads the plan of an export job.
    ///
    /// # Errors
    /// Fails if this build can't read the payload.
    pub fn of(job: &job::Model) -> Result<Self> {
        let plan = serde_json::from_str(&job.payload);
        plan.map_err(|error| Fault::decode(format!("the plan of export {}", job.id), error).into())
    }

    /// Returns the sequence through which the log had been pruned when the export was planned, or
    /// `None` for an export of notes.
    pub(crate) fn pruned(&self) -> Option<i64> {
        match &self.source {
            Source::AuditLogs(source) => Some(source.known_pruned()),
            Source::Notes(_) => None,
        }
    }

    /// Returns the number of records to write, as known at the time of the request.
    pub(super) fn total(&self) -> u64 {
        match self.source {
            Source::AuditLogs(_) => self.records_matched.min(self.max_records),
            // The index and the report of links cover the whole workspace, so there is no limit.
            Source::Notes(_) => self.records_matched,
        }
    }

    /// Returns how the file is written, named as in the API.
    pub(super) fn options(&self) -> Json {
        let mut options = json!({ "format": self.format, "compression": self.compression });
        if let (Source::AuditLogs(source), Format::Csv) = (&self.source, self.format) {
            options["csvByteOrderMark"] = source.csv_byte_order_mark.into();
            options["csvNeutralize"] = source.csv_neutralize.into();
        }
        options
    }

    /// Returns the kind of work that the plan describes, which decides the permission it takes.
    #[must_use]
    pub fn work(&self) -> JobWork {
        match self.source {
            Source::AuditLogs(_) => JobWork::ExportAuditLog,
            Source::Notes(_) => JobWork::ExportNotes,
        }
    }
}

impl Outcome {
    /// Reads the outcome of an export job, or returns the default if the job has none yet.
    ///
    /// # Errors
    /// Fails if this build can't read the outcome.
    pub fn of(job: &job::Model) -> Result<Self> {
        let Some(outcome) = &job.outcome else { return Ok(Self::default()) };
        let outcome = serde_json::from_str(outcome);
        let what = || format!("the outcome of export {}", job.id);
        outcome.map_err(|error| Fault::decode(what(), error).into())
    }
}
