//! CSV by RFC 4180: header, CRLF, UTF-8.
//!
//! An absent value is an empty cell; no value is ever the empty string (recording refuses those),
//! and the text `null` is the cell `null`. `changes` and `extra` are JSON. A cell that a
//! spreadsheet would run as a formula gets an apostrophe put before it and is counted. So does one
//! that has apostrophes there already, which keeps the rule reversible: to read a cell back, drop
//! one apostrophe where all that stand before one of [`FORMULA`] begin the cell.

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};
use uuid::Uuid;

use super::row::Row;
use crate::{
    Fault, GlobalId, Result,
    text::{push_hex, push_instant, push_number},
};

/// What the cells are, in order; the names are those of the API.
pub(super) const COLUMNS: [&str; 20] = [
    "sequence",
    "id",
    "timestamp",
    "recordedAt",
    "recordedBy",
    "actorType",
    "actorId",
    "actorEmail",
    "actorName",
    "action",
    "outcome",
    "resourceType",
    "resourceId",
    "resourceName",
    "changes",
    "ipAddress",
    "userAgent",
    "requestId",
    "extra",
    "hash",
];

/// Characters that make a cell a formula where they begin it (OWASP, CSV Injection).
const FORMULA: &[u8; 6] = b"=+-@\t\r";

/// UTF-8's byte order mark.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) struct Csv {
    writer: Writer<Vec<u8>>,
    /// Holds one cell that is not as it is stored.
    cell: Vec<u8>,
    cells_neutralized: u64,
}

impl Csv {
    /// With its header, after a byte order mark where it's wanted.
    pub(super) fn new(has_byte_order_mark: bool) -> Result<Self> {
        let start = if has_byte_order_mark { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
        let mut csv = Self { writer: writer(start), cell: Vec::new(), cells_neutralized: 0 };
        csv.writer.write_record(COLUMNS).map_err(fault)?;
        Ok(csv)
    }

    pub(super) fn record(&mut self, organization_id: Uuid, row: &Row<'_>) -> Result<()> {
        let (sequence, id) = (row.sequence, row.id);
        let id = GlobalId::AuditLog { organization_id, sequence, id };
        // Of our own making: no formula can be in them.
        self.plain(|cell| push_number(cell, sequence))?;
        self.plain(|cell| id.push(cell))?;
        self.plain(|cell| push_instant(cell, row.timestamp))?;
        self.plain(|cell| push_instant(cell, row.recorded_at))?;
        self.text(Some(row.recorded_by))?;
        self.text(Some(row.actor_type))?;
        self.text(Some(row.actor_id))?;
        self.text(row.actor_email)?;
        self.text(row.actor_name)?;
        self.text(Some(row.action))?;
        self.text(Some(row.outcome))?;
        self.text(Some(row.resource_type))?;
        self.text(Some(row.resource_id))?;
        self.text(row.resource_name)?;
        self.text(Some(row.changes))?;
        self.text(row.ip_address)?;
        self.text(row.user_agent)?;
        self.text(row.request_id)?;
        self.text(row.extra)?;
        self.plain(|cell| push_hex(cell, row.hash))?;
        self.writer.write_record(None::<&[u8]>).map_err(fault)
    }

    /// Bytes since the last [`Self::take`], but for those that the writer keeps.
    pub(super) fn gathered(&self) -> usize {
        self.writer.get_ref().len()
    }

    /// What has been written since the last time; goes on in `spare`, which is empty.
    pub(super) fn take(&mut self, spare: Vec<u8>) -> Result<Vec<u8>> {
        let full = std::mem::replace(&mut self.writer, writer(spare));
        full.into_inner().map_err(|error| Fault::Stored(format!("CSV: {error}")).into())
    }

    pub(super) fn cells_neutralized(&self) -> u64 {
        self.cells_neutralized
    }

    fn plain(&mut self, push: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        self.cell.clear();
        push(&mut self.cell);
        self.writer.write_field(&self.cell).map_err(fault)
    }

    fn text(&mut self, text: Option<&str>) -> Result<()> {
        let text = text.unwrap_or_default().as_bytes();
        if !is_formula(text) {
            return self.writer.write_field(text).map_err(fault);
        }
        self.cells_neutralized += 1;
        self.plain(|cell| {
            cell.push(b'\'');
            cell.extend_from_slice(text);
        })
    }
}

/// Whether a spreadsheet would run the cell, now or when it is without apostrophes before it.
fn is_formula(cell: &[u8]) -> bool {
    let first = cell.iter().find(|byte| **byte != b'\'');
    first.is_some_and(|byte| FORMULA.contains(byte))
}

fn writer(start: Vec<u8>) -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .buffer_capacity(64 * 1024)
        .from_writer(start)
}

fn fault(error: csv::Error) -> crate::Error {
    Fault::Stored(format!("CSV: {error}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn neutralized_cell_reads_back_and_begins_no_formula(cell in "'{0,3}[=+@\\-a]?.{0,4}") {
            let mut written = Csv::new(false).unwrap();
            written.text(Some(&cell)).unwrap();
            (1..COLUMNS.len()).for_each(|_| written.text(None).unwrap());
            written.writer.write_record(None::<&[u8]>).unwrap();
            let file = written.take(Vec::new()).unwrap();
            let mut reader = csv::Reader::from_reader(&file[..]);
            let record = reader.byte_records().next().unwrap().unwrap();
            let safe = &record[0];
            prop_assert!(!safe.first().is_some_and(|byte| FORMULA.contains(byte)));
            let back = match safe.strip_prefix(b"'") {
                Some(rest) if is_formula(rest) => rest,
                _ => safe,
            };
            prop_assert_eq!(back, cell.as_bytes());
        }
    }
}
