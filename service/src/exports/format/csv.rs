//! CSV by RFC 4180: header, CRLF, UTF-8.
//!
//! An absent value is an empty cell; no value is ever the empty string, since recording refuses
//! those, and the text `null` is the cell `null`. A JSON value is the cell of its text. A cell that
//! holds a quote or any character at which a spreadsheet may split a line is quoted.
//!
//! Unless the source refuses it, an apostrophe is inserted wherever a spreadsheet could begin a cell
//! with a formula: at the start of a text, and after each separator in it. [`formula`] has the rule.
//! The cells that this changes are counted. To read a cell back, drop the apostrophe from each of
//! these places that has one before what the rule applies to.

mod formula;

use std::path::Path;

use serde_json::Value as Manifest;

use super::{Encoder, File};
use crate::{
    Result,
    exports::{
        AuditLogs,
        audit_logs::{Row, Value, column_names},
        cells::{Cells, is_long},
    },
    text::has,
};

/// The byte order mark in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// True if a cell that holds this byte is enclosed in quotes: those of RFC 4180, section 2, rule 6,
/// and the separators of other dialects.
const fn needs_quotes(byte: u8) -> bool {
    byte == b'"' || formula::separates(byte)
}

/// [`needs_quotes`] as a table, since most cells of JSON are long, and need quotes.
static NEEDS_QUOTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        table[byte as usize] = needs_quotes(byte);
        byte -= 1;
    }
    table
};

/// Writes rows without the two copies of each cell that the `csv` crate makes, which a test reads
/// them back with.
pub(super) struct Csv {
    out: Vec<u8>,
    neutralizes: bool,
    cells: Cells,
}

impl Encoder for Csv {
    const FILE: File = File {
        content_type: "text/csv; charset=utf-8; header=present",
        extension: "csv",
        is_compressed: false,
    };

    /// Begins a file with its header, after a byte order mark if the source asks for one.
    fn new(source: &AuditLogs, _: &Path) -> Result<Self> {
        let mark = if source.csv_byte_order_mark { BYTE_ORDER_MARK } else { b"" };
        let header = column_names().collect::<Vec<_>>().join(",");
        let out = [mark, header.as_bytes(), b"\r\n"].concat();
        Ok(Self { out, neutralizes: source.csv_neutralize, cells: Cells::default() })
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

    async fn end(&mut self, _: &Manifest) -> Result<bool> {
        Ok(true)
    }

    fn columns() -> Option<Vec<String>> {
        Some(column_names().map(str::to_owned).collect())
    }

    fn cells(&self) -> Option<Cells> {
        Some(self.cells)
    }
}

impl Csv {
    fn text(&mut self, text: &str) {
        let is_quoted = has(text.as_bytes(), needs_quotes);
        let quote: &[u8] = if is_quoted { b"\"" } else { b"" };
        self.out.extend_from_slice(quote);
        let mut apostrophes = self.neutralize(text, None);
        if is_quoted {
            apostrophes += self.quoted(text);
        } else {
            self.out.extend_from_slice(text.as_bytes());
        }
        self.out.extend_from_slice(quote);
        self.cells.neutralized += u64::from(apostrophes > 0);
        self.cells.long += u64::from(is_long(text, apostrophes));
    }

    /// Appends a text that needs quotes, without those around it. Returns the number of apostrophes
    /// inserted.
    fn quoted(&mut self, text: &str) -> usize {
        let (mut apostrophes, mut done) = (0, 0);
        for (index, byte) in text.bytes().enumerate() {
            if !NEEDS_QUOTES[usize::from(byte)] {
                continue;
            }
            self.out.extend_from_slice(&text.as_bytes()[done..=index]);
            done = index + 1;
            if byte == b'"' {
                self.out.push(b'"');
            } else {
                apostrophes += self.neutralize(&text[done..], Some(byte));
            }
        }
        self.out.extend_from_slice(&text.as_bytes()[done..]);
        apostrophes
    }

    /// Appends an apostrophe if what follows begins a formula. Returns the number of apostrophes.
    fn neutralize(&mut self, text: &str, separator: Option<u8>) -> usize {
        let is_formula = self.neutralizes && formula::begins_formula(text, separator);
        if is_formula {
            self.out.push(b'\'');
        }
        usize::from(is_formula)
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
