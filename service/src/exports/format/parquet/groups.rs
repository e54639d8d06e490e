//! Writes groups in a dedicated thread.

use std::sync::Arc;

use parquet::{
    errors::{ParquetError, Result},
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};

use super::column::Column;
use crate::{Error, Fault, exports::format::thread::Thread};

/// A group to write, and its bytes once written.
pub(super) struct Group {
    /// Values of the group; empty once it is written.
    pub(super) columns: Vec<Column>,
    /// Buffer that the bytes of the file are appended to.
    pub(super) bytes: Vec<u8>,
    /// Metadata for the end of the file, if this is the last group.
    pub(super) end: Option<KeyValue>,
}

/// Starts the thread of a file with this schema.
pub(super) fn begin(schema: Type, properties: WriterProperties) -> crate::Result<Thread<Group>> {
    let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties));
    let mut writer = writer.map_err(fault)?;
    Thread::spawn("parquet", move |group| write(&mut writer, group).map_err(fault))
}

fn write(writer: &mut SerializedFileWriter<Vec<u8>>, mut group: Group) -> Result<Group> {
    // The writer holds the beginning of the file from the start.
    group.bytes.append(writer.inner_mut());
    *writer.inner_mut() = group.bytes;
    if group.columns.iter().any(|column| !column.is_empty()) {
        let mut row_group = writer.next_row_group()?;
        for column in &mut group.columns {
            let next = row_group.next_column()?;
            let mut next = next.expect("the schema has a column for each field");
            column.write(&mut next)?;
            next.close()?;
            column.clear();
        }
        row_group.close()?;
    }
    if let Some(end) = group.end.take() {
        writer.append_key_value_metadata(end);
        writer.finish()?;
    }
    writer.flush()?;
    group.bytes = std::mem::take(writer.inner_mut());
    Ok(group)
}

/// Returns the fault that the file could not be encoded.
pub(super) fn fault(error: ParquetError) -> Error {
    Fault::encode("the Parquet file", error).into()
}
