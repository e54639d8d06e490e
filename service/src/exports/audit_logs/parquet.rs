//! Parquet: typed columns in groups of rows, each written when it is full.
//!
//! An export has the same bytes at every attempt, as in the other formats: the manifest in the file
//! describes the source only, and has no time of creation.

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

/// Size in bytes of the values that make a group full. The values of one group, and the metadata of
/// all groups, are held in memory: larger groups mean more values, smaller ones more metadata.
const GROUP_BYTES: usize = 2 * 1024 * 1024;

/// The key of the file's metadata that holds the manifest.
const MANIFEST: &str = "daybook.manifest";

pub(super) struct Parquet {
    groups: Groups,
    /// The group that is being gathered.
    columns: Vec<Column>,
    /// Size in bytes of the values in that group.
    in_group: usize,
    /// Size in bytes of the values added since the last `take`.
    gathered: usize,
    /// Bytes of the file written since the last `take`.
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

    /// True if the group must be written before another row is added.
    pub(super) fn is_full(&self) -> bool {
        self.in_group >= GROUP_BYTES
    }

    /// Writes the group that is being gathered.
    pub(super) async fn write_full(&mut self) -> Result<()> {
        self.write(None).await
    }

    /// Returns the size in bytes of the rows added since the last [`Self::take`].
    pub(super) fn gathered(&self) -> usize {
        self.gathered
    }

    /// Takes the bytes written since the last call: none, for most segments. Returns them with the
    /// size of the rows added since then. Later bytes go to `buffer`, which is empty.
    pub(super) fn take(&mut self, buffer: Vec<u8>) -> (Vec<u8>, usize) {
        (std::mem::replace(&mut self.written, buffer), std::mem::take(&mut self.gathered))
    }

    /// Writes the last group, and the file's metadata with `manifest`.
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
        // The metadata of each group is held in memory until the file ends: so there are no page
        // indexes, and bounds only for columns whose values lie close together in a group.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        // Pages are small, since each is copied several times before it is written.
        .set_data_page_size_limit(32 * 1024)
        .set_write_batch_size(column::TEXTS_PER_WRITE);
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
    Fault::encode("the Parquet file", error).into()
}
