//! Writing groups, in a thread of its own. It compresses for tens of milliseconds, which is no work for a
//! thread that serves others meanwhile; and an allocator keeps some of what each thread has freed: were
//! each group written by whichever thread is at hand, each of them would keep a group's memory.

use std::{sync::Arc, thread};

use parquet::{
    errors::{ParquetError, Result},
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};
use tokio::sync::mpsc;

use super::column::Column;

/// A group to write, and what was written of it.
pub(super) struct Group {
    /// Its values; none of them are left when it is written.
    pub(super) columns: Vec<Column>,
    /// What the file's bytes are appended to.
    pub(super) bytes: Vec<u8>,
    /// What the end of the file says. No group comes after it.
    pub(super) end: Option<KeyValue>,
}

/// The thread, which ends with this.
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

    /// Writes a group, and waits until it is.
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
    // What the file begins with is there from the start.
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
