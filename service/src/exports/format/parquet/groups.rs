//! Writes groups in a dedicated thread. Compressing a group takes tens of milliseconds, which is
//! too long for a thread that serves other tasks. And an allocator keeps some of the memory that
//! each thread has freed: if any thread of a pool could write a group, each would keep that memory.

use std::{sync::Arc, thread};

use parquet::{
    errors::{ParquetError, Result},
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};
use tokio::sync::mpsc;

use super::column::Column;

/// A group to write, and its bytes once written.
pub(super) struct Group {
    /// Values of the group; empty once it is written.
    pub(super) columns: Vec<Column>,
    /// Buffer that the bytes of the file are appended to.
    pub(super) bytes: Vec<u8>,
    /// Metadata for the end of the file, if this is the last group.
    pub(super) end: Option<KeyValue>,
}

/// Handle of the thread, which ends when the handle is dropped.
pub(super) struct Groups {
    full: mpsc::UnboundedSender<Group>,
    written: mpsc::UnboundedReceiver<Result<Group>>,
}

impl Groups {
    pub(super) fn new(schema: Type, properties: WriterProperties) -> Result<Self> {
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
        let (full, groups) = mpsc::unbounded_channel();
        let (answers, written) = mpsc::unbounded_channel();
        let thread = thread::Builder::new().name("parquet".to_owned());
        thread.spawn(move || write_all(writer, groups, &answers))?;
        Ok(Self { full, written })
    }

    /// Writes a group, and waits until it is written.
    pub(super) async fn write(&mut self, group: Group) -> Result<Group> {
        let gone = || ParquetError::General("the thread that writes it has ended".to_owned());
        self.full.send(group).map_err(|_| gone())?;
        self.written.recv().await.ok_or_else(gone)?
    }
}

fn write_all(
    mut writer: SerializedFileWriter<Vec<u8>>,
    mut groups: mpsc::UnboundedReceiver<Group>,
    answers: &mpsc::UnboundedSender<Result<Group>>,
) {
    while let Some(group) = groups.blocking_recv() {
        let written = write(&mut writer, group);
        if answers.send(written).is_err() {
            break;
        }
    }
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
