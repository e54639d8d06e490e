//! Parquet: typed columns in groups of rows, which are written as they fill.
//!
//! The same export has the same bytes at every attempt, as in the other formats: of the manifest, the
//! file holds what the log says of itself, and no time of its making.

mod column;
mod fields;
mod groups;

use std::sync::Arc;

use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::{ColumnPath, Type},
};
use serde_json::Value;
use uuid::Uuid;

use self::{
    column::Column,
    fields::{FIELDS, Kind},
    groups::{Group, Groups},
};
use super::row::Row;
use crate::{Error, Fault, Result};

/// Bytes of values that make a group full. They are held, and what is known of each group until the end: of
/// larger ones more values, of smaller ones more groups.
const GROUP: usize = 2 * 1024 * 1024;

/// The key of the file's metadata that holds the manifest.
const MANIFEST: &str = "daybook.manifest";

pub(super) struct Parquet {
    groups: Groups,
    /// The group that is being gathered.
    columns: Vec<Column>,
    /// Bytes that it holds.
    in_group: usize,
    /// Bytes that came since the last `take`.
    gathered: usize,
    /// Of the file, since the last `take`.
    written: Vec<u8>,
}

impl Parquet {
    pub(super) fn new() -> Result<Self> {
        let (schema, properties) = (schema().map_err(fault)?, properties().map_err(fault)?);
        let groups = Groups::new(schema, properties).map_err(fault)?;
        let columns = FIELDS.iter().map(Column::new).collect();
        Ok(Self { groups, columns, in_group: 0, gathered: 0, written: Vec::new() })
    }

    pub(super) fn record(&mut self, organization_id: Uuid, row: &Row<'_>) {
        let columns = self.columns.iter_mut();
        let size: usize = columns.map(|column| column.push(organization_id, row)).sum();
        self.gathered += size;
        self.in_group += size;
    }

    /// Whether the group must be written before another row comes.
    pub(super) fn is_full(&self) -> bool {
        self.in_group >= GROUP
    }

    /// Writes the group.
    pub(super) async fn write_full(&mut self) -> Result<()> {
        self.write(None).await
    }

    /// Bytes of the rows that came since the last [`Self::take`].
    pub(super) fn gathered(&self) -> usize {
        self.gathered
    }

    /// What has been written since the last time, which is nothing for most segments, and how many bytes
    /// the rows have that came since; goes on in `spare`, which is empty.
    pub(super) fn take(&mut self, spare: Vec<u8>) -> (Vec<u8>, usize) {
        (std::mem::replace(&mut self.written, spare), std::mem::take(&mut self.gathered))
    }

    /// Writes what is gathered, and the file's metadata.
    pub(super) async fn end(&mut self, manifest: &Value) -> Result<()> {
        self.write(Some(KeyValue::new(MANIFEST.to_owned(), manifest.to_string()))).await
    }

    async fn write(&mut self, end: Option<KeyValue>) -> Result<()> {
        self.in_group = 0;
        let columns = std::mem::take(&mut self.columns);
        let group = Group { columns, bytes: std::mem::take(&mut self.written), end };
        let group = self.groups.write(group).await.map_err(fault)?;
        (self.columns, self.written) = (group.columns, group.bytes);
        Ok(())
    }
}

fn schema() -> parquet::errors::Result<Type> {
    let fields = FIELDS.iter().map(|field| field.column().map(Arc::new));
    let fields = fields.collect::<parquet::errors::Result<_>>()?;
    Type::group_type_builder("auditLog").with_fields(fields).build()
}

fn properties() -> parquet::errors::Result<WriterProperties> {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("daybook ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        // What the file's end says of each group is held until then: no indexes of pages, and bounds
        // only of columns whose values lie close together in a group.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        // Pages are copied several times on their way.
        .set_data_page_size_limit(32 * 1024)
        .set_write_batch_size(column::AT_ONCE);
    for field in &FIELDS {
        let path = ColumnPath::from(field.name);
        let is_dictionary = matches!(field.kind, Kind::Word(_));
        builder = builder.set_column_dictionary_enabled(path.clone(), is_dictionary);
        if matches!(field.kind, Kind::Number(_) | Kind::Time(_)) {
            builder = builder
                .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
                .set_column_statistics_enabled(path, EnabledStatistics::Chunk);
        }
    }
    Ok(builder.build())
}

fn fault(error: ParquetError) -> Error {
    Fault::Stored(format!("Parquet: {error}")).into()
}
