//! A column of the group that is being gathered.

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

/// Texts that are written at once: each takes more room on its way than in the column.
pub(super) const AT_ONCE: usize = 256;

/// Bytes by which a column's texts grow.
const GROWTH: usize = 64 * 1024;

/// The values of a field, in the order of the rows.
pub(super) struct Column {
    field: &'static Field,
    numbers: Vec<i64>,
    /// All texts, one behind the other.
    texts: Vec<u8>,
    /// The texts that are being written.
    lent: Bytes,
    /// Where each text ends.
    ends: Vec<usize>,
    /// For each row 1 where it has a text, or else 0.
    levels: Vec<i16>,
}

impl Column {
    pub(super) fn new(field: &'static Field) -> Self {
        let (texts, lent) = (Vec::new(), Bytes::new());
        Self { field, numbers: Vec::new(), texts, lent, ends: Vec::new(), levels: Vec::new() }
    }

    /// Takes a row's value; how many bytes it is held in.
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

    /// Grows little by little: a text that grew by doubling would hold twice as much as it needs.
    fn make_room(&mut self, length: usize) {
        if self.texts.capacity() - self.texts.len() < length {
            self.texts.reserve_exact(length.max(GROWTH));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.levels.is_empty()
    }

    /// Writes all that it holds.
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

    /// Writes all texts, some at a time.
    fn write_texts(
        &mut self,
        writer: &mut ColumnWriterImpl<'_, ByteArrayType>,
    ) -> Result<(), ParquetError> {
        self.lent = Bytes::from(std::mem::take(&mut self.texts));
        let (mut ends, mut start) = (self.ends.iter(), 0);
        let mut texts: Vec<ByteArray> = Vec::with_capacity(AT_ONCE);
        for levels in self.levels.chunks(AT_ONCE) {
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

    /// Holds nothing any more but the memory, when its writer is gone, which keeps some texts until then.
    pub(super) fn clear(&mut self) {
        self.texts = Vec::from(std::mem::take(&mut self.lent));
        self.texts.clear();
        self.numbers.clear();
        self.ends.clear();
        self.levels.clear();
    }
}
