//! `ExportJob` and its parts.

use std::ops::Deref;

use async_graphql::{Enum, Object, Result};
use daybook_service::{
    exports::{self, Outcome, Plan},
    store,
};

use crate::graphql::{error::to_error, job::types::JobFields, scalar::BigInt};

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

    /// Format of the file.
    async fn format(&self) -> Result<ExportFormat> {
        Ok(Plan::of(&self.0.job).map_err(to_error)?.format.into())
    }

    /// Compression of the file.
    async fn compression(&self) -> Result<ExportCompression> {
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

/// The compression of an export's file. The file is downloaded as it is stored, with the
/// compression in its name and media type.
#[derive(Enum, Copy, Clone, Debug, Default, PartialEq, Eq)]
#[graphql(remote = "store::Compression")]
pub(in crate::graphql) enum ExportCompression {
    /// No compression.
    #[default]
    None,
    /// Gzip (RFC 1952), file extension `.gz`.
    Gzip,
    /// Zstandard (RFC 8878), file extension `.zst`. Smaller than GZIP, in a third of the time.
    Zstd,
}
