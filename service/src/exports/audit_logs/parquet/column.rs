//! Columns of the group that is being gathered.

use bytes::Bytes;
use parquet::{
    column::writer::ColumnWriterImpl,
    data_type::{ByteArray, ByteArrayType, Int64Type},
    errors::ParquetError,
    file::writer::SerializedColumnWriter,
};
use uuid::Uuid;

use super::fields::{Field, Kind};
use crate::{GlobalId, exports::audit_logs::row::Row, text::push_hex};

/// Number of texts written at once: each takes more memory while it is written than in the column.
pub(super) const TEXTS_PER_WRITE: usize = 256;

/// Least number of bytes by which the buffer of a column's texts grows.
const MIN_GROWTH_BYTES: usize = 64 * 1024;

/// The values of a field, in the order of the rows.
pub(super) struct Column {
    field: &'static Field,
    numbers: Vec<i64>,
    /// All texts, concatenated.
    texts: Vec<u8>,
    /// The texts that are being written.
    lent: Bytes,
    /// End of each text, as an offset in bytes.
    ends: Vec<usize>,
    /// For each row, 1 if it has a text, or else 0.
    levels: Vec<i16>,
}

impl Column {
    pub(super) fn new(field: &'static Field) -> Self {
        let (texts, lent) = (Vec::new(), Bytes::new());
        Self { field, numbers: Vec::new(), texts, lent, ends: Vec::new(), levels: Vec::new() }
    }

    /// Adds a row's value. Returns the number of bytes that it takes in memory.
    pub(super) fn push(&mut self, organization_id: Uuid, row: &Row<'_>) -> usize {
        let before = self.texts.len();
        match self.field.kind {
            Kind::Number(of) => self.numbers.push(of(row)),
            Kind::Time(of) => self.numbers.push(of(row).timestamp_micros()),
            Kind::Word(of) | Kind::Text(of) | Kind::Json(of) => {
                let text = of(row);
                self.levels.push(i16::from(text.is_some()));
                if let Some(text) = text {
                    self.make_room(text.len());
                    self.texts.extend_from_slice(text.as_bytes());
                    self.ends.push(self.texts.len());
                }
            }
            Kind::Id => {
                let (sequence, id) = (row.sequence, row.id);
                let id = GlobalId::AuditLog { organization_id, sequence, id };
                self.levels.push(1);
                id.push(&mut self.texts);
                self.ends.push(self.texts.len());
            }
            Kind::Hash => {
                self.levels.push(1);
                self.make_room(2 * row.hash.len());
                push_hex(&mut self.texts, row.hash);
                self.ends.push(self.texts.len());
            }
        }
        self.texts.len() - before + size_of::<usize>()
    }

    /// Makes room for `length` bytes in small steps, since a buffer that doubles takes up to twice
    /// the memory that it needs.
    fn make_room(&mut self, length: usize) {
        if self.texts.capacity() - self.texts.len() < length {
            self.texts.reserve_exact(length.max(MIN_GROWTH_BYTES));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.levels.is_empty()
    }

    /// Writes all values.
    pub(super) fn write(
        &mut self,
        writer: &mut SerializedColumnWriter<'_>,
    ) -> Result<(), ParquetError> {
        match self.field.kind {
            Kind::Number(_) | Kind::Time(_) => {
                writer.typed::<Int64Type>().write_batch(&self.numbers, None, None)?;
            }
            Kind::Word(_) | Kind::Text(_) | Kind::Json(_) | Kind::Id | Kind::Hash => {
                self.write_texts(writer.typed::<ByteArrayType>())?;
            }
        }
        Ok(())
    }

    /// Writes all texts, [`TEXTS_PER_WRITE`] at a time.
    fn write_texts(
        &mut self,
        writer: &mut ColumnWriterImpl<'_, ByteArrayType>,
    ) -> Result<(), ParquetError> {
        self.lent = Bytes::from(std::mem::take(&mut self.texts));
        let (mut ends, mut start) = (self.ends.iter(), 0);
        let mut texts: Vec<ByteArray> = Vec::with_capacity(TEXTS_PER_WRITE);
        for levels in self.levels.chunks(TEXTS_PER_WRITE) {
            let present = levels.iter().filter(|level| **level == 1).count();
            texts.clear();
            texts.extend(ends.by_ref().take(present).map(|end| {
                let text = self.lent.slice(start..*end);
                start = *end;
                ByteArray::from(text)
            }));
            writer.write_batch(&texts, self.field.is_optional.then_some(levels), None)?;
        }
        Ok(())
    }

    /// Removes all values and keeps the memory. Called once the writer is gone, since it keeps some
    /// texts until then.
    pub(super) fn clear(&mut self) {
        self.texts = Vec::from(std::mem::take(&mut self.lent));
        self.texts.clear();
        self.numbers.clear();
        self.ends.clear();
        self.levels.clear();
    }
}
