//! A common interface to the formats: rows in, bytes out.

use serde_json::Value;
use uuid::Uuid;

use super::{csv::Csv, json::Json, parquet::Parquet, row::Row};
use crate::{Fault, Result, exports::Format};

/// Turns entries into bytes.
pub(super) enum Encoder {
    Csv(Csv),
    Json(Json),
    Parquet(Box<Parquet>),
}

impl Encoder {
    pub(super) fn new(format: Format, has_byte_order_mark: bool) -> Result<Self> {
        Ok(match format {
            Format::Csv => Self::Csv(Csv::new(has_byte_order_mark)?),
            Format::Json => Self::Json(Json::array()),
            Format::Jsonl => Self::Json(Json::lines()),
            Format::Parquet => Self::Parquet(Box::new(Parquet::new()?)),
            Format::Markdown => {
                return Err(Fault::Bug("an export of a log as Markdown".to_owned()).into());
            }
        })
    }

    pub(super) fn record(&mut self, organization_id: Uuid, row: &Row<'_>) -> Result<()> {
        match self {
            Self::Csv(csv) => {
                csv.record(organization_id, row);
                Ok(())
            }
            Self::Json(json) => json.record(organization_id, row),
            Self::Parquet(parquet) => {
                parquet.record(organization_id, row);
                Ok(())
            }
        }
    }

    /// True if [`Self::write_full`] must be called before another record is added.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Csv(_) | Self::Json(_) => false,
            Self::Parquet(parquet) => parquet.is_full(),
        }
    }

    /// Writes what is buffered, to make room for further records.
    pub(super) async fn write_full(&mut self) -> Result<()> {
        match self {
            Self::Csv(_) | Self::Json(_) => Ok(()),
            Self::Parquet(parquet) => parquet.write_full().await,
        }
    }

    /// Returns the approximate size in bytes of the records added since the last [`Self::take`].
    pub(super) fn gathered(&self) -> usize {
        match self {
            Self::Csv(csv) => csv.gathered(),
            Self::Json(json) => json.gathered(),
            Self::Parquet(parquet) => parquet.gathered(),
        }
    }

    /// Takes the bytes written since the last call. Returns them with the approximate size of the
    /// records added since then. Later bytes go to `buffer`, which saves an allocation.
    pub(super) fn take(&mut self, mut buffer: Vec<u8>) -> (Vec<u8>, usize) {
        buffer.clear();
        let bytes = match self {
            Self::Csv(csv) => csv.take(buffer),
            Self::Json(json) => json.take(buffer),
            // Its bytes are those of earlier records, written once a group was full.
            Self::Parquet(parquet) => return parquet.take(buffer),
        };
        let size = bytes.len();
        (bytes, size)
    }

    /// Writes the end of the file, with its manifest if the format has a place for it.
    pub(super) async fn end(&mut self, manifest: &Value) -> Result<()> {
        match self {
            Self::Csv(_) => {}
            Self::Json(json) => json.end(),
            Self::Parquet(parquet) => parquet.end(manifest).await?,
        }
        Ok(())
    }

    /// Returns the number of cells that were changed so that no spreadsheet runs them.
    pub(super) fn cells_neutralized(&self) -> u64 {
        match self {
            Self::Csv(csv) => csv.cells_neutralized(),
            Self::Json(_) | Self::Parquet(_) => 0,
        }
    }
}
