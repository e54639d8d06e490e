//! A column of the group that is being gathered.

use bytes::Bytes;
use parquet::{
    data_type::{ByteArray, ByteArrayType, Int64Type},
    errors::ParquetError,
    file::writer::SerializedColumnWriter,
};
use uuid::Uuid;

use super::fields::{Field, Kind};
use crate::{GlobalId, exports::audit_logs::row::Row, text::push_hex};

/// The values of a field, in the order of the rows.
pub(super) struct Column {
    field: &'static Field,
    numbers: Vec<i64>,
    /// All texts, one behind the other.
    texts: Vec<u8>,
    /// Where each text ends.
    ends: Vec<usize>,
    /// For each row 1 where it has a text, or else 0.
    levels: Vec<i16>,
}

impl Column {
    pub(super) fn new(field: &'static Field) -> Self {
        let (numbers, texts) = (Vec::new(), Vec::new());
        Self { field, numbers, texts, ends: Vec::new(), levels: Vec::new() }
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
                    self.texts.extend_from_slice(text.as_bytes());
                    self.ends.push(self.texts.len());
                }
            }
            Kind::Id => {
                let (sequence, id) = (row.sequence, row.id);
                let id = GlobalId::AuditLog { organization_id, sequence, id };
                id.push(&mut self.texts);
                self.ends.push(self.texts.len());
            }
            Kind::Hash => {
                push_hex(&mut self.texts, row.hash);
                self.ends.push(self.texts.len());
            }
        }
        self.texts.len() - before + size_of::<usize>()
    }

    /// Writes all that it holds, and holds nothing then.
    pub(super) fn write(
        &mut self,
        writer: &mut SerializedColumnWriter<'_>,
    ) -> Result<(), ParquetError> {
        match self.field.kind {
            Kind::Number(_) | Kind::Time(_) => {
                writer.typed::<Int64Type>().write_batch(&self.numbers, None, None)?;
            }
            Kind::Word(_) | Kind::Text(_) | Kind::Json(_) | Kind::Id | Kind::Hash => {
                let levels = self.field.is_optional.then_some(&self.levels[..]);
                let texts = Bytes::from(std::mem::take(&mut self.texts));
                let starts = std::iter::once(&0).chain(&self.ends);
                let texts = starts.zip(&self.ends).map(|(start, end)| texts.slice(*start..*end));
                let texts: Vec<ByteArray> = texts.map(ByteArray::from).collect();
                writer.typed::<ByteArrayType>().write_batch(&texts, levels, None)?;
            }
        }
        self.numbers.clear();
        self.ends.clear();
        self.levels.clear();
        Ok(())
    }
}
