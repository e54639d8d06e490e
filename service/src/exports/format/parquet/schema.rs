//! Schema and properties of a Parquet file, from the table of columns.

use std::sync::Arc;

use parquet::{
    basic::{
        Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel,
    },
    errors::Result,
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::{ColumnPath, Type},
};

use super::column::TEXTS_PER_WRITE;
use crate::exports::audit_logs::{COLUMNS, Column, Kind};

/// Returns the schema of the file: named as in the CSV, with times, numbers and flags typed, and all other
/// values as text, as in the API.
pub(super) fn schema() -> Result<Type> {
    let fields = COLUMNS.iter().map(|column| definition(column).map(Arc::new));
    let fields = fields.collect::<Result<_>>()?;
    Type::group_type_builder("auditLog").with_fields(fields).build()
}

/// Returns how values are encoded and compressed.
pub(super) fn properties() -> Result<WriterProperties> {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("daybook ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        // The metadata of each group is held in memory until the file ends: so there are no page
        // indexes, and bounds only for columns whose values lie close together in a group.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        // Pages are small, since each is copied several times before it is written.
        .set_data_page_size_limit(32 * 1024)
        .set_write_batch_size(TEXTS_PER_WRITE);
    for column in COLUMNS {
        let path = ColumnPath::from(column.name);
        let is_dictionary = column.kind == Kind::Word;
        builder = builder.set_column_dictionary_enabled(path.clone(), is_dictionary);
        if matches!(column.kind, Kind::Number | Kind::Time) {
            builder = builder
                .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
                .set_column_statistics_enabled(path, EnabledStatistics::Chunk);
        }
    }
    Ok(builder.build())
}

fn definition(column: &Column) -> Result<Type> {
    let (physical, logical) = match column.kind {
        Kind::Number => (Physical::INT64, Some(LogicalType::integer(64, true))),
        Kind::Flag => (Physical::BOOLEAN, None),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        Kind::Word | Kind::Text | Kind::Id | Kind::Hash => {
            (Physical::BYTE_ARRAY, Some(LogicalType::String))
        }
    };
    let repetition = if column.is_optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(column.name, physical)
        .with_logical_type(logical)
        .with_repetition(repetition)
        .build()
}
