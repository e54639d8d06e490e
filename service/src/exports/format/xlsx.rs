//! XLSX: a workbook for Excel and LibreOffice (ECMA-376), with texts that no spreadsheet changes or
//! runs, and dates that it can sort, filter and calculate with.
//!
//! Every text is a cell of type text, whatever it looks like: formulas, leading zeros and dates stay
//! as they are. A time is a date, cut to milliseconds, which are the most that Excel keeps; its exact
//! text is in a further column. A time that a spreadsheet has no date for is its text in both. A
//! value that is longer than a cell can be is abridged in its cell, and complete on the sheet "Long
//! values", in as many rows as it takes. The last sheet is the manifest.
//!
//! The XML is written here, since a writer of workbooks has no place to continue a row that was
//! written: `rust_xlsxwriter` in its mode of constant memory puts all rows into a temporary file (794
//! MB for 500,000 rows) and begins the workbook, which cannot show progress, after the last row. Here
//! the workbook is written and stored while the rows are read.
//!
//! An export has the same bytes at every attempt, as in the other formats.

mod archive;
mod date;
mod package;
mod sheet;
mod xml;

use std::{collections::VecDeque, path::Path};

use serde_json::Value as Manifest;

use self::{
    archive::{Step, Work},
    sheet::{Heading, Limits, Piece, Sheets},
};
use super::{Encoder, File, thread::Thread};
use crate::{
    Result,
    exports::{
        AuditLogs,
        audit_logs::{COLUMNS, Column, Kind, Own, Row, Value},
        cells::{Cells, MAX_CELL_UNITS, is_long},
    },
};

/// Size in bytes of the XML that is compressed at once.
const BATCH_BYTES: usize = 1024 * 1024;
/// Number of bytes that are fetched from the temporary file at once.
const FETCH_BYTES: u64 = 4 * 1024 * 1024;

pub(super) struct Xlsx {
    /// The sheets of the log.
    log: Sheets,
    /// The sheets of long values.
    long: Sheets,
    archive: Thread<Work>,
    /// Steps that write the sheets of long values, once those of the log are complete.
    later: VecDeque<Step>,
    /// True once the last row is written.
    is_complete: bool,
    /// Text of a value that Daybook generated.
    text: Vec<u8>,
    /// Size in bytes of the XML of the rows added since the last `take`.
    gathered: usize,
    /// Bytes of the file written since the last `take`.
    written: Vec<u8>,
    cells: Cells,
}

impl Encoder for Xlsx {
    const FILE: File = File {
        content_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        extension: "xlsx",
        is_compressed: true,
    };

    fn new(_: &AuditLogs, scratch: &Path) -> Result<Self> {
        Self::with_limits(scratch, Limits::EXCEL)
    }

    fn record(&mut self, row: &Row<'_>) -> Result<()> {
        let before = self.pending();
        self.log.begin_row();
        for (column, value) in COLUMNS.iter().zip(row.values) {
            match value {
                Value::Absent => self.log.skip(),
                Value::Own(Own::Number(number)) => self.log.number(number),
                Value::Own(value @ Own::Time(time)) => match date::serial(time) {
                    Some(serial) => self.log.date(serial),
                    None => self.own(row, value),
                },
                // LibreOffice makes a formula, `=TRUE()`, of a cell with a truth value.
                Value::Own(value @ (Own::Flag(_) | Own::Id(_) | Own::Hash(_))) => {
                    self.own(row, value);
                }
                Value::Text(text) | Value::Json(text) => self.text(row, column, text),
            }
        }
        for value in row.values {
            if let Value::Own(value @ Own::Time(_)) = value {
                self.own(row, value);
            }
        }
        self.log.end_row();
        self.gathered += self.pending() - before;
        Ok(())
    }

    /// Returns the size in bytes of the rows added since the last [`Self::take`].
    fn gathered(&self) -> usize {
        self.gathered
    }

    fn take(&mut self, buffer: Vec<u8>) -> (Vec<u8>, usize) {
        (std::mem::replace(&mut self.written, buffer), std::mem::take(&mut self.gathered))
    }

    fn is_full(&self) -> bool {
        self.pending() >= BATCH_BYTES
    }

    async fn write_full(&mut self) -> Result<()> {
        let mut steps = steps(self.log.take());
        for piece in self.long.take() {
            match piece {
                Piece::Start(path) => self.later.push_back(Step::Start(path)),
                Piece::Xml(xml) => {
                    self.later.push_back(Step::Fetch(xml.len() as u64));
                    steps.push(Step::PutAside(xml));
                }
            }
        }
        self.write(steps).await
    }

    async fn end(&mut self, manifest: &Manifest) -> Result<bool> {
        if !self.is_complete {
            self.is_complete = true;
            self.log.end();
            self.long.end();
            self.write_full().await?;
            return Ok(false);
        }
        if !self.later.is_empty() {
            let next = self.next_fetches();
            self.write(next).await?;
            return Ok(false);
        }
        let mut about = about(manifest);
        let sheets = [&self.log.complete, &self.long.complete, &about.complete];
        let sheets: Vec<_> = sheets.into_iter().flatten().collect();
        let files = package::files(&sheets);
        let mut last = steps(about.take());
        for (path, content) in files {
            last.extend([Step::Start(path.to_owned()), Step::Write(content.into_bytes())]);
        }
        last.push(Step::Finish);
        self.write(last).await?;
        Ok(true)
    }

    fn columns() -> Option<Vec<String>> {
        let times = COLUMNS.iter().filter(|column| column.kind == Kind::Time);
        let names = COLUMNS.iter().map(|column| column.name.to_owned());
        Some(names.chain(times.map(|column| format!("{}Exact", column.name))).collect())
    }

    fn cells(&self) -> Option<Cells> {
        Some(self.cells)
    }
}

impl Xlsx {
    fn with_limits(scratch: &Path, limits: Limits) -> Result<Self> {
        let widths = COLUMNS.iter().map(|column| match column.kind {
            Kind::Number | Kind::Flag => 12,
            Kind::Time | Kind::Word | Kind::Text | Kind::Id | Kind::Hash => 24,
            Kind::Json => 48,
        });
        let names = Self::columns().unwrap_or_default();
        let headings = names.into_iter().zip(widths.chain(std::iter::repeat(28)));
        let headings = headings.map(|(name, width)| Heading { name, width }).collect();
        let long = [("sequence", 12), ("column", 16), ("part", 8), ("parts", 8), ("text", 96)];
        let mut log = Sheets::new(("Audit log", "log"), headings, limits);
        log.begin();
        Ok(Self {
            log,
            long: Sheets::new(("Long values", "long"), headings_of(&long), limits),
            archive: archive::begin(scratch.to_owned())?,
            later: VecDeque::new(),
            is_complete: false,
            text: Vec::new(),
            gathered: 0,
            written: Vec::new(),
            cells: Cells::default(),
        })
    }

    /// Returns the size in bytes of the XML that is not yet compressed.
    fn pending(&self) -> usize {
        self.log.pending() + self.long.pending()
    }

    /// Adds a value that Daybook generated, as text.
    fn own(&mut self, row: &Row<'_>, value: Own<'_>) {
        self.text.clear();
        row.push(value, &mut self.text);
        // Only ASCII, as `Own` promises.
        self.log.text(&String::from_utf8_lossy(&self.text));
    }

    /// Adds a text. One that is too long for a cell is abridged, and its parts are added to the sheet
    /// of long values.
    fn text(&mut self, row: &Row<'_>, column: &Column, text: &str) {
        if !is_long(text, 0) {
            return self.log.text(text);
        }
        self.cells.long += 1;
        let parts: Vec<_> = xml::parts(text).collect();
        for (number, part) in (1..).zip(&parts) {
            self.long.begin_row();
            self.long.number(row.sequence);
            self.long.text(column.name);
            self.long.number(number);
            self.long.number(i64::try_from(parts.len()).unwrap_or(i64::MAX));
            self.long.text(part);
            self.long.end_row();
        }
        let note =
            format!("… [all {} characters are on the sheet \"Long values\"]", text.chars().count());
        let (start, _) = xml::split_at_units(text, MAX_CELL_UNITS - note.encode_utf16().count());
        self.log.text(&format!("{start}{note}"));
    }

    /// Takes the next steps that write long values, with at most [`FETCH_BYTES`].
    fn next_fetches(&mut self) -> Vec<Step> {
        let (mut steps, mut left) = (Vec::new(), FETCH_BYTES);
        while left > 0 {
            match self.later.pop_front() {
                Some(Step::Fetch(length)) if length > left => {
                    self.later.push_front(Step::Fetch(length - left));
                    steps.push(Step::Fetch(left));
                    left = 0;
                }
                Some(Step::Fetch(length)) => {
                    left -= length;
                    steps.push(Step::Fetch(length));
                }
                Some(step) => steps.push(step),
                None => break,
            }
        }
        steps
    }

    async fn write(&mut self, steps: Vec<Step>) -> Result<()> {
        let work = Work { steps, bytes: std::mem::take(&mut self.written) };
        self.written = self.archive.run(work).await?.bytes;
        Ok(())
    }
}

/// Returns the sheet of the manifest. A value that is longer than a cell can be has several rows.
fn about(manifest: &Manifest) -> Sheets {
    let headings = headings_of(&[("name", 24), ("value", 96)]);
    let mut sheets = Sheets::new(("Manifest", "manifest"), headings, Limits::EXCEL);
    sheets.begin();
    for (name, value) in manifest.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for part in xml::parts(&text) {
            sheets.begin_row();
            sheets.text(name);
            sheets.text(part);
            sheets.end_row();
        }
    }
    sheets.end();
    sheets
}

fn headings_of(columns: &[(&str, u16)]) -> Vec<Heading> {
    let heading = |(name, width): &(&str, u16)| Heading { name: (*name).to_owned(), width: *width };
    columns.iter().map(heading).collect()
}

fn steps(pieces: Vec<Piece>) -> Vec<Step> {
    let step = |piece| match piece {
        Piece::Start(path) => Step::Start(path),
        Piece::Xml(xml) => Step::Write(xml),
    };
    pieces.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests;
