//! CSV by RFC 4180: header, CRLF, UTF-8.
//!
//! An absent value is an empty cell; no value is ever the empty string, since recording refuses
//! those, and the text `null` is the cell `null`. `changes` and `extra` are JSON. A cell that a
//! spreadsheet would run as a formula is prefixed with an apostrophe and counted. So is a formula
//! that has apostrophes before it already, which keeps the rule reversible: to read a cell back,
//! drop one apostrophe if the cell begins with apostrophes followed by one of [`FORMULA_STARTS`].

use csv::{Terminator, WriterBuilder};
use uuid::Uuid;

use super::row::Row;
use crate::{
    Cause, Fault, GlobalId, Result,
    text::{has, push_hex, push_instant, push_number},
};

/// Names of the columns, in order, as in the API.
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

/// Characters that make a cell a formula if it begins with one of them (OWASP, CSV Injection).
const FORMULA_STARTS: &[u8; 6] = b"=+-@\t\r";

/// The byte order mark in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// True if a cell must be enclosed in quotes (RFC 4180, section 2, rule 6).
fn needs_quotes(cell: &[u8]) -> bool {
    has(cell, |byte| matches!(byte, b'"' | b',' | b'\r' | b'\n'))
}

/// Writes rows exactly as the `csv` crate's writer does, which a test compares, but without its two
/// copies of each cell.
pub(super) struct Csv {
    out: Vec<u8>,
    cells_neutralized: u64,
}

impl Csv {
    /// Creates a file with its header, after a byte order mark if `has_byte_order_mark`.
    pub(super) fn new(has_byte_order_mark: bool) -> Result<Self> {
        let out = if has_byte_order_mark { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
        let mut header = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        header.write_record(COLUMNS).map_err(fault)?;
        let out = header.into_inner().map_err(|error| fault(error.into_error()))?;
        Ok(Self { out, cells_neutralized: 0 })
    }

    pub(super) fn record(&mut self, organization_id: Uuid, row: &Row<'_>) {
        let (sequence, id) = (row.sequence, row.id);
        // Daybook generates these values: they contain neither quotes nor formulas.
        push_number(&mut self.out, sequence);
        self.out.push(b',');
        GlobalId::AuditLog { organization_id, sequence, id }.push(&mut self.out);
        self.out.push(b',');
        push_instant(&mut self.out, row.timestamp);
        self.out.push(b',');
        push_instant(&mut self.out, row.recorded_at);
        self.out.push(b',');
        for text in [
            Some(row.recorded_by),
            Some(row.actor_type),
            Some(row.actor_id),
            row.actor_email,
            row.actor_name,
            Some(row.action),
            Some(row.outcome),
            Some(row.resource_type),
            Some(row.resource_id),
            row.resource_name,
            Some(row.changes),
            row.ip_address,
            row.user_agent,
            row.request_id,
            row.extra,
        ] {
            self.text(text);
            self.out.push(b',');
        }
        push_hex(&mut self.out, row.hash);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Returns the number of bytes written since the last [`Self::take`].
    pub(super) fn gathered(&self) -> usize {
        self.out.len()
    }

    /// Takes the bytes written since the last call. Later ones go to `buffer`, which is empty.
    pub(super) fn take(&mut self, buffer: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut self.out, buffer)
    }

    pub(super) fn cells_neutralized(&self) -> u64 {
        self.cells_neutralized
    }

    fn text(&mut self, text: Option<&str>) {
        let text = text.unwrap_or_default().as_bytes();
        let is_formula = is_formula(text);
        self.cells_neutralized += u64::from(is_formula);
        let apostrophe: &[u8] = if is_formula { b"'" } else { b"" };
        if !needs_quotes(text) {
            self.out.extend_from_slice(apostrophe);
            return self.out.extend_from_slice(text);
        }
        self.out.push(b'"');
        self.out.extend_from_slice(apostrophe);
        let mut parts = text.split(|byte| *byte == b'"');
        self.out.extend_from_slice(parts.next().unwrap_or_default());
        for part in parts {
            self.out.extend_from_slice(b"\"\"");
            self.out.extend_from_slice(part);
        }
        self.out.push(b'"');
    }
}

/// True if a spreadsheet would run the cell as a formula, as it is or without leading apostrophes.
fn is_formula(cell: &[u8]) -> bool {
    let first = cell.iter().find(|byte| **byte != b'\'');
    first.is_some_and(|byte| FORMULA_STARTS.contains(byte))
}

fn fault(error: impl Into<Cause>) -> Fault {
    Fault::encode("the CSV file", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A row of texts.
    pub(super) fn written(cells: &[&str]) -> Vec<u8> {
        let mut csv = Csv { out: Vec::new(), cells_neutralized: 0 };
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                csv.out.push(b',');
            }
            csv.text(Some(cell));
        }
        csv.out.extend_from_slice(b"\r\n");
        csv.take(Vec::new())
    }

    proptest! {
        #[test]
        fn cells_are_written_as_the_csv_crate_writes_them(
            cells in prop::collection::vec("(?s)[a-c\"\",\r\n é\u{0}\t]{0,70}", 2..6)
        ) {
            let cells: Vec<_> = cells.iter().map(|cell| format!("x{cell}")).collect();
            let cells: Vec<_> = cells.iter().map(String::as_str).collect();
            let mut right = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
            right.write_record(&cells).unwrap();
            prop_assert_eq!(written(&cells), right.into_inner().unwrap());
        }
    }
}

#[cfg(test)]
mod fuzz {
    use super::{tests::written, *};
    use proptest::{collection::vec, prelude::*};

    /// Cells of any text, above all of what means something in CSV or to a spreadsheet.
    fn cell() -> impl Strategy<Value = String> {
        let special = prop::sample::select(
            "=+-@\t\r\n'\"\",;| a\u{0}\u{feff}\u{ff1d}é".chars().collect::<Vec<_>>(),
        );
        let c = prop_oneof![4 => special, 1 => any::<char>()];
        vec(c, 0..12).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn cells_read_back_and_begin_no_formula(mut cells in vec(cell(), 1..6)) {
            // A row of one empty cell would be an empty line; rows of ours begin with a number.
            cells.insert(0, "1".to_owned());
            let texts: Vec<_> = cells.iter().map(String::as_str).collect();
            let file = written(&texts);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&file[..]);
            let record = reader.byte_records().next().expect("a row").expect("a row");
            prop_assert_eq!(record.len(), cells.len());
            for (safe, cell) in record.iter().zip(&cells) {
                prop_assert!(!safe.first().is_some_and(|byte| b"=+-@\t\r".contains(byte)));
                let back = match safe.strip_prefix(b"'") {
                    Some(rest) if is_formula(rest) => rest,
                    _ => safe,
                };
                prop_assert_eq!(back, cell.as_bytes());
            }
            prop_assert!(reader.byte_records().next().is_none());
        }
    }
}
