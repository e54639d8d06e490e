//! Columns of the group that is being gathered.

use bytes::Bytes;
use parquet::{
    column::writer::ColumnWriterImpl,
    data_type::{BoolType, ByteArray, ByteArrayType, Int64Type},
    errors::ParquetError,
    file::writer::SerializedColumnWriter,
};

use crate::exports::audit_logs::{Column as Definition, Kind, Own, Row, Value};

/// Number of texts written at once: each takes more memory while it is written than in the column.
pub(super) const TEXTS_PER_WRITE: usize = 256;

/// Least number of bytes by which the buffer of a column's texts grows.
const MIN_GROWTH_BYTES: usize = 64 * 1024;

/// Room made for a value that Daybook generates: a global ID or a hash.
const MAX_OWN_BYTES: usize = 64;

/// The values of a column, in the order of the rows.
pub(super) struct Column {
    definition: &'static Definition,
    numbers: Vec<i64>,
    /// All texts, concatenated.
    texts: Vec<u8>,
    /// The texts that are being written.
    lent: Bytes,
    /// End of each text, as an offset in bytes.
    ends: Vec<usize>,
    /// For each row, 1 if it has a value, or else 0.
    levels: Vec<i16>,
}

impl Column {
    pub(super) fn new(definition: &'static Definition) -> Self {
        let (texts, lent) = (Vec::new(), Bytes::new());
        Self { definition, numbers: Vec::new(), texts, lent, ends: Vec::new(), levels: Vec::new() }
    }

    /// Adds a row's value. Returns the number of bytes that it takes in memory.
    pub(super) fn push(&mut self, row: &Row<'_>, value: Value<'_>) -> usize {
        let before = self.texts.len();
        self.levels.push(i16::from(!matches!(value, Value::Absent)));
        match value {
            Value::Absent => {}
            Value::Own(Own::Number(number)) => self.numbers.push(number),
            Value::Own(Own::Flag(flag)) => self.numbers.push(i64::from(flag)),
            Value::Own(Own::Time(time)) => self.numbers.push(time.timestamp_micros()),
            Value::Own(value @ (Own::Id(_) | Own::Hash(_))) => {
                self.make_room(MAX_OWN_BYTES);
                row.push(value, &mut self.texts);
                self.ends.push(self.texts.len());
            }
            Value::Text(text) | Value::Json(text) => {
                self.make_room(text.len());
                self.texts.extend_from_slice(text.as_bytes());
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
        self.levels.is_empty()
    }

    /// Writes all values.
    pub(super) fn write(
        &mut self,
        writer: &mut SerializedColumnWriter<'_>,
    ) -> Result<(), ParquetError> {
        match self.definition.kind {
            Kind::Number | Kind::Time => {
                let levels = self.definition.is_optional.then_some(self.levels.as_slice());
                writer.typed::<Int64Type>().write_batch(&self.numbers, levels, None)?;
            }
            Kind::Flag => {
                let flags: Vec<_> = self.numbers.iter().map(|number| *number != 0).collect();
                let levels = self.definition.is_optional.then_some(self.levels.as_slice());
                writer.typed::<BoolType>().write_batch(&flags, levels, None)?;
            }
            Kind::Word | Kind::Text | Kind::Json | Kind::Id | Kind::Hash => {
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
            writer.write_batch(&texts, self.definition.is_optional.then_some(levels), None)?;
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
