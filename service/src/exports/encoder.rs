//! The formats, behind one interface: rows in, bytes out.

use daybook_entity::audit_log::Model;
use serde::{Deserialize, Serialize};

use super::{csv::Csv, json::Json};
use crate::Result;

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
}

impl Format {
    /// Media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
            Self::Jsonl => "application/jsonl",
        }
    }

    /// End of the file's name.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
        }
    }
}

/// Turns entries into bytes.
pub(super) enum Encoder {
    Csv(Box<Csv>),
    Json(Json),
}

impl Encoder {
    pub(super) fn new(format: Format, byte_order_mark: Option<&'static [u8]>) -> Result<Self> {
        Ok(match format {
            Format::Csv => Self::Csv(Box::new(Csv::new(byte_order_mark)?)),
            Format::Json => Self::Json(Json::array()),
            Format::Jsonl => Self::Json(Json::lines()),
        })
    }

    pub(super) fn record(&mut self, row: &Model) -> Result<()> {
        match self {
            Self::Csv(csv) => csv.record(row),
            Self::Json(json) => json.record(row),
        }
    }

    /// Bytes that [`Self::take`] would give, about.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Csv(csv) => csv.len(),
            Self::Json(json) => json.len(),
        }
    }

    /// The bytes since the last time.
    pub(super) fn take(&mut self) -> Result<Vec<u8>> {
        match self {
            Self::Csv(csv) => csv.take(),
            Self::Json(json) => Ok(json.take()),
        }
    }

    /// What ends the file.
    pub(super) fn end(&mut self) {
        match self {
            Self::Csv(_) => {}
            Self::Json(json) => json.end(),
        }
    }

    /// Cells that were changed so that no spreadsheet runs them.
    pub(super) fn cells_neutralized(&self) -> u64 {
        match self {
            Self::Csv(csv) => csv.cells_neutralized(),
            Self::Json(_) => 0,
        }
    }
}
