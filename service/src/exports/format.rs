//! File formats of exports.

use serde::{Deserialize, Serialize};

use crate::store::Compression;

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
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
            Self::Jsonl => "application/jsonl",
            Self::Markdown => "application/zip",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Markdown => "zip",
            Self::Parquet => "parquet",
        }
    }

    /// True if the format is a table, with a row for each record.
    pub(super) fn has_columns(self) -> bool {
        match self {
            Self::Csv | Self::Parquet => true,
            Self::Json | Self::Jsonl | Self::Markdown => false,
        }
    }
}

/// Returns the media type of a file of `format`; for a compressed file, that of the compression.
pub(super) fn content_type(format: Format, compression: Compression) -> &'static str {
    match compression {
        Compression::None => format.content_type(),
        Compression::Gzip => "application/gzip",
        Compression::Zstd => "application/zstd",
    }
}

/// Returns the file name extension for a format and compression, without the leading dot.
pub(super) fn extension(format: Format, compression: Compression) -> String {
    let extension = format.extension();
    match compression {
        Compression::None => extension.to_owned(),
        Compression::Gzip => format!("{extension}.gz"),
        Compression::Zstd => format!("{extension}.zst"),
    }
}
