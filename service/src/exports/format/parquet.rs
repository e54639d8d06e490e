//! Parquet: typed columns in groups of rows, each written when it is full.
//!
//! An export has the same bytes at every attempt, as in the other formats: the manifest in the file
//! describes the source only, and has no time of creation.

mod column;
mod groups;
mod schema;

use std::path::Path;

use parquet::file::metadata::KeyValue;
use serde_json::Value as Manifest;

use self::{
    column::Column,
    groups::{Group, fault},
};
use super::{Encoder, File, thread::Thread};
use crate::{
    Result,
    exports::{
        AuditLogs,
        audit_logs::{COLUMNS, Row, column_names},
    },
};

/// Size in bytes of the values that make a group full. The values of one group, and the metadata of
/// all groups, are held in memory: larger groups mean more values, smaller ones more metadata.
const GROUP_BYTES: usize = 2 * 1024 * 1024;

/// The key of the file's metadata that holds the manifest.
const MANIFEST: &str = "daybook.manifest";

pub(super) struct Parquet {
    groups: Thread<Group>,
    /// The group that is being gathered.
    columns: Vec<Column>,
    /// Size in bytes of the values in that group.
    in_group: usize,
    /// Size in bytes of the values added since the last `take`.
    gathered: usize,
    /// Bytes of the file written since the last `take`.
    written: Vec<u8>,
}

impl Encoder for Parquet {
    const FILE: File = File {
        content_type: "application/vnd.apache.parquet",
        extension: "parquet",
        is_compressed: true,
    };

    fn new(_: &AuditLogs, _: &Path) -> Result<Self> {
        let schema = schema::schema().map_err(fault)?;
        let groups = groups::begin(schema, schema::properties().map_err(fault)?)?;
        let columns = COLUMNS.iter().map(Column::new).collect();
        Ok(Self { groups, columns, in_group: 0, gathered: 0, written: Vec::new() })
    }

    fn record(&mut self, row: &Row<'_>) -> Result<()> {
        let columns = self.columns.iter_mut().zip(&row.values);
        let size: usize = columns.map(|(column, value)| column.push(row, *value)).sum();
        self.gathered += size;
        self.in_group += size;
        Ok(())
    }

    /// Returns the size in bytes of the rows added since the last [`Self::take`].
    fn gathered(&self) -> usize {
        self.gathered
    }

    /// Takes the bytes written since the last call: none, for most segments, since they are those
    /// of earlier rows, written once a group was full.
    fn take(&mut self, buffer: Vec<u8>) -> (Vec<u8>, usize) {
        (std::mem::replace(&mut self.written, buffer), std::mem::take(&mut self.gathered))
    }

    fn columns() -> Option<Vec<String>> {
        Some(column_names().map(str::to_owned).collect())
    }

    /// True if the group must be written before another row is added.
    fn is_full(&self) -> bool {
        self.in_group >= GROUP_BYTES
    }

    /// Writes the group that is being gathered.
    async fn write_full(&mut self) -> Result<()> {
        self.write(None).await
    }

    /// Writes the last group, and the file's metadata with `manifest`.
    async fn end(&mut self, manifest: &Manifest) -> Result<bool> {
        self.write(Some(KeyValue::new(MANIFEST.to_owned(), manifest.to_string()))).await?;
        Ok(true)
    }
}

impl Parquet {
    async fn write(&mut self, end: Option<KeyValue>) -> Result<()> {
        self.in_group = 0;
        let columns = std::mem::take(&mut self.columns);
        let group = Group { columns, bytes: std::mem::take(&mut self.written), end };
        let group = self.groups.run(group).await?;
        (self.columns, self.written) = (group.columns, group.bytes);
        Ok(())
    }
}
