//! What an export can be written as.

use serde::{Deserialize, Serialize};

use crate::store::Compression;

/// What an export is written as.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Format {
    /// RFC 4180.
    Csv,
    /// One JSON array (RFC 8259).
    Json,
    /// One JSON object a line.
    Jsonl,
    /// A ZIP of Markdown files.
    Markdown,
    /// Apache Parquet, compressed by itself.
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

    /// Whether a record is a row of a table.
    pub(super) fn has_columns(self) -> bool {
        match self {
            Self::Csv | Self::Parquet => true,
            Self::Json | Self::Jsonl | Self::Markdown => false,
        }
    }
}

/// The media type of a file of `format`, compressed or not.
pub(super) fn content_type(format: Format, compression: Compression) -> &'static str {
    match compression {
        Compression::None => format.content_type(),
        Compression::Gzip => "application/gzip",
        Compression::Zstd => "application/zstd",
    }
}

/// How the name of such a file ends.
pub(super) fn extension(format: Format, compression: Compression) -> String {
    let extension = format.extension();
    match compression {
        Compression::None => extension.to_owned(),
        Compression::Gzip => format!("{extension}.gz"),
        Compression::Zstd => format!("{extension}.zst"),
    }
}
