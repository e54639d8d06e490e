//! CSV by RFC 4180: header, CRLF, UTF-8.
//!
//! An absent value is an empty cell; no value is ever the empty string, since recording refuses
//! those, and the text `null` is the cell `null`. A JSON value is the cell of its text. A cell that a
//! spreadsheet would run as a formula is prefixed with an apostrophe and counted. So is a formula
//! that has apostrophes before it already, which keeps the rule reversible: to read a cell back,
//! drop one apostrophe if the cell begins with apostrophes followed by one of [`FORMULA_STARTS`].

use serde_json::Value as Manifest;

use super::{Encoder, File};
use crate::{
    Result,
    exports::{
        AuditLogs,
        audit_logs::{Row, Value, column_names},
    },
    text::has,
};

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

impl Encoder for Csv {
    const FILE: File = File {
        content_type: "text/csv; charset=utf-8; header=present",
        extension: "csv",
        is_table: true,
        is_compressed: false,
    };

    /// Begins a file with its header, after a byte order mark if the source asks for one.
    fn new(source: &AuditLogs) -> Result<Self> {
        let mark = if source.csv_byte_order_mark { BYTE_ORDER_MARK } else { b"" };
        let header = column_names().collect::<Vec<_>>().join(",");
        Ok(Self { out: [mark, header.as_bytes(), b"\r\n"].concat(), cells_neutralized: 0 })
    }

    fn record(&mut self, row: &Row<'_>) -> Result<()> {
        for value in &row.values {
            match *value {
                Value::Absent => {}
                Value::Own(value) => row.push(value, &mut self.out),
                Value::Text(text) | Value::Json(text) => self.text(text),
            }
            self.out.push(b',');
        }
        // The last value ends the line.
        self.out.pop();
        self.out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn gathered(&self) -> usize {
        self.out.len()
    }

    fn take(&mut self, buffer: Vec<u8>) -> (Vec<u8>, usize) {
        let bytes = std::mem::replace(&mut self.out, buffer);
        let size = bytes.len();
        (bytes, size)
    }

    async fn end(&mut self, _: &Manifest) -> Result<()> {
        Ok(())
    }

    fn cells_neutralized(&self) -> u64 {
        self.cells_neutralized
    }
}

impl Csv {
    fn text(&mut self, text: &str) {
        let text = text.as_bytes();
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
            csv.text(cell);
        }
        csv.out.extend_from_slice(b"\r\n");
        csv.out
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
