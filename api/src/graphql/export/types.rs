//! `ExportJob` and its parts.

use std::ops::Deref;

use async_graphql::{Enum, ID, Object, Result, SimpleObject};
use daybook_service::{
    GlobalId,
    exports::{self, Outcome, Plan},
    jobs,
};
use uuid::Uuid;

use crate::graphql::{
    audit_log::input::AuditLogOrder,
    error::to_error,
    job::{compression::Compression, types::JobFields},
    scalar::{BigInt, Json},
};

/// A job that exports records to a file.
pub(in crate::graphql) struct ExportJob(pub(in crate::graphql) JobFields);

/// Lets the interface `Job` resolve its fields.
impl Deref for ExportJob {
    type Target = JobFields;

    fn deref(&self) -> &JobFields {
        &self.0
    }
}

/// A job that exports audit log entries or notes to a file.
#[Object]
impl ExportJob {
    /// The fields that jobs of every kind have.
    #[graphql(flatten)]
    async fn fields(&self) -> &JobFields {
        &self.0
    }

    /// The exported data, in the shape of `ExportSource`. Null for viewers, such as operators, who
    /// can see the job but may not export its data.
    async fn source(&self) -> Result<Option<ExportJobSource>> {
        let JobFields { scope, job } = &self.0;
        let plan = Plan::of(job).map_err(to_error)?;
        let permission = jobs::required_permission(scope.core(), job);
        let may = scope.may(job.organization_id, permission).await.map_err(to_error)?;
        let organization_id = job.organization_id;
        Ok(may.then_some(ExportJobSource { organization_id, source: plan.source }))
    }

    /// Format of the file.
    async fn format(&self) -> Result<ExportFormat> {
        Ok(Plan::of(&self.0.job).map_err(to_error)?.format.into())
    }

    /// Compression of the file.
    async fn compression(&self) -> Result<Compression> {
        Ok(Plan::of(&self.0.job).map_err(to_error)?.compression.into())
    }

    /// Number of records that matched when the export was started. In an export that continues
    /// another one, only records after that one count.
    async fn records_matched(&self) -> Result<Option<BigInt>> {
        let plan = Plan::of(&self.0.job).map_err(to_error)?;
        Ok(i64::try_from(plan.records_matched).ok().map(BigInt))
    }

    /// True if the file reached its maximum size before all records were written. Use
    /// `continuation` to export the records that follow.
    async fn truncated(&self) -> Result<bool> {
        Ok(Outcome::of(&self.0.job).map_err(to_error)?.truncated)
    }

    /// Pass it to `startExport` as `after`, with the same source, to export the records that
    /// follow. Null unless `truncated` is true.
    async fn continuation(&self) -> Result<Option<String>> {
        Ok(Outcome::of(&self.0.job).map_err(to_error)?.continuation)
    }

    /// Number of values with more than 32,767 characters, the limit of a cell in Excel. Excel and
    /// LibreOffice cut off or split these cells of a CSV file when they open it. Null until the export
    /// has succeeded, and for formats that are not for spreadsheets.
    async fn long_cells(&self) -> Result<Option<BigInt>> {
        let long_cells = Outcome::of(&self.0.job).map_err(to_error)?.long_cells;
        Ok(long_cells.and_then(|count| i64::try_from(count).ok()).map(BigInt))
    }
}

/// The data that a job exports. Exactly one of its fields is not null.
struct ExportJobSource {
    organization_id: Uuid,
    source: exports::Source,
}

/// The data that a job exports. Exactly one of its fields is not null.
#[Object]
impl ExportJobSource {
    /// The entries of an audit log. Null if the job exports notes.
    async fn audit_logs(&self) -> Result<Option<ExportedAuditLogs>> {
        let exports::Source::AuditLogs(source) = &self.source else { return Ok(None) };
        Ok(Some(ExportedAuditLogs {
            filter: Json(serde_json::to_value(&source.filter)?.into()),
            order_by: source.order_by.into(),
            through_sequence: BigInt(source.through),
        }))
    }

    /// The notes of a workspace. Null if the job exports audit log entries.
    async fn notes(&self) -> Option<ExportedNotes> {
        let exports::Source::Notes(source) = &self.source else { return None };
        let (organization_id, id) = (self.organization_id, source.workspace_id);
        let workspace = GlobalId::Workspace { organization_id, id };
        Some(ExportedNotes { workspace_id: workspace.to_string().into() })
    }
}

/// The audit log entries that a job exports.
#[derive(SimpleObject)]
struct ExportedAuditLogs {
    /// The filter that the entries match, in the shape of `AuditLogFilter`.
    filter: Json,
    /// The order of the entries in the file.
    order_by: AuditLogOrder,
    /// The last sequence that the file may contain: entries that were recorded later are not in it.
    through_sequence: BigInt,
}

/// The notes that a job exports.
#[derive(SimpleObject)]
struct ExportedNotes {
    /// ID of the workspace.
    workspace_id: ID,
}

/// The file format of an export. MARKDOWN is for notes, all others are for audit logs.
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
    /// Apache Parquet with the same columns as CSV, typed: numbers as 64-bit integers, times in UTC
    /// with microseconds, JSON as JSON, and all other values as text. Pages are compressed with
    /// Zstandard, so leave `compression` at NONE. The file's metadata contains the manifest under
    /// the key `daybook.manifest`.
    Parquet,
    /// A workbook for Excel and LibreOffice with the same columns as CSV. Texts are text cells, so no
    /// cell is a formula and leading zeros stay. Times are dates in UTC, cut to milliseconds, with the
    /// exact text in `timestampExact` and `recordedAtExact`. Values with more than 32,767 characters
    /// are complete on the sheet "Long values", and the manifest is on the last sheet. A workbook is
    /// compressed, so leave `compression` at NONE.
    Xlsx,
}
