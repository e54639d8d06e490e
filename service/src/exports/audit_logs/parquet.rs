//! Parquet: typed columns in groups of rows, which are written as they fill.
//!
//! The same export has the same bytes at every attempt, as in the other formats: of the manifest, the
//! file holds what the log says of itself, and no time of its making.

mod column;
mod fields;

use std::sync::Arc;

use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
        writer::SerializedFileWriter,
    },
    schema::types::{ColumnPath, Type},
};
use serde_json::Value;
use uuid::Uuid;

use self::{
    column::Column,
    fields::{FIELDS, Kind},
};
use super::row::Row;
use crate::{Error, Fault, Result};

/// Bytes of values that make a group full. That many are held, and about as many again while the group is
/// written; a larger one would be little smaller in the file.
const GROUP: usize = 6 * 1024 * 1024;

/// The key of the file's metadata that holds the manifest.
const MANIFEST: &str = "daybook.manifest";

pub(super) struct Parquet {
    writer: SerializedFileWriter<Vec<u8>>,
    /// The group that is being gathered.
    columns: Vec<Column>,
    /// Bytes that it holds.
    in_group: usize,
    /// Bytes that came since the last `take`.
    gathered: usize,
}

impl Parquet {
    pub(super) fn new() -> Result<Self> {
        let (schema, properties) = (schema().map_err(fault)?, properties().map_err(fault)?);
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties));
        let columns = FIELDS.iter().map(Column::new).collect();
        Ok(Self { writer: writer.map_err(fault)?, columns, in_group: 0, gathered: 0 })
    }

    pub(super) fn record(&mut self, organization_id: Uuid, row: &Row<'_>) -> Result<()> {
        let columns = self.columns.iter_mut();
        let size: usize = columns.map(|column| column.push(organization_id, row)).sum();
        self.gathered += size;
        self.in_group += size;
        if self.in_group >= GROUP {
            self.write_group().map_err(fault)?;
        }
        Ok(())
    }

    /// Bytes of the rows that came since the last [`Self::take`].
    pub(super) fn gathered(&self) -> usize {
        self.gathered
    }

    /// What has been written since the last time, which is nothing for most segments, and how many bytes
    /// the rows have that came since; goes on in `spare`, which is empty.
    pub(super) fn take(&mut self, spare: Vec<u8>) -> Result<(Vec<u8>, usize)> {
        let pushed = std::mem::take(&mut self.gathered);
        self.writer.flush().map_err(|error| fault(error.into()))?;
        Ok((std::mem::replace(self.writer.inner_mut(), spare), pushed))
    }

    /// Writes what is gathered, and the file's metadata.
    pub(super) fn end(&mut self, manifest: &Value) -> Result<()> {
        if self.in_group > 0 {
            self.write_group().map_err(fault)?;
        }
        let manifest = KeyValue::new(MANIFEST.to_owned(), manifest.to_string());
        self.writer.append_key_value_metadata(manifest);
        self.writer.finish().map_err(fault)?;
        Ok(())
    }

    fn write_group(&mut self) -> parquet::errors::Result<()> {
        self.in_group = 0;
        // Compressing takes tens of milliseconds.
        tokio::task::block_in_place(|| {
            let mut group = self.writer.next_row_group()?;
            for column in &mut self.columns {
                let writer = group.next_column()?;
                let mut writer = writer.expect("the schema has a column for each field");
                column.write(&mut writer)?;
                writer.close()?;
            }
            group.close()?;
            Ok(())
        })
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
        // Indexes of pages would be most of what is held until the end.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for field in &FIELDS {
        let path = ColumnPath::from(field.name);
        let is_dictionary = matches!(field.kind, Kind::Word(_));
        builder = builder.set_column_dictionary_enabled(path.clone(), is_dictionary);
        if matches!(field.kind, Kind::Number(_) | Kind::Time(_)) {
            builder = builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    Ok(builder.build())
}

fn fault(error: ParquetError) -> Error {
    Fault::Stored(format!("Parquet: {error}")).into()
}
