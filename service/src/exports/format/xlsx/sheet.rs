//! Sheets of a workbook, as XML. Rows that do not fit one sheet continue on another one.

use super::xml;
use crate::text::push_number;

/// Limits of a sheet.
#[derive(Copy, Clone)]
pub(super) struct Limits {
    /// Maximum number of rows, with the header.
    pub(super) rows: u32,
    /// Size in bytes of the XML after which a sheet gets no more rows.
    pub(super) bytes: u64,
}

impl Limits {
    /// The number of rows is Excel's. The size keeps a sheet below 4 GiB, from where on it would
    /// need ZIP64, which not every reader of workbooks knows.
    pub(super) const EXCEL: Self = Self { rows: 1_048_576, bytes: 2 * 1024 * 1024 * 1024 };
}

/// Largest number whose digits a spreadsheet keeps: it has 15 of them.
const MAX_NUMBER: i64 = 999_999_999_999_999;

/// A style of cells: an index into `cellXfs` in `styles.xml`.
#[derive(Copy, Clone)]
enum Style {
    Number = 0,
    Text = 1,
    Date = 2,
    Header = 3,
}

/// A column of a sheet.
pub(super) struct Heading {
    /// Name in the first row.
    pub(super) name: String,
    /// Width in characters.
    pub(super) width: u16,
}

/// A sheet that is complete.
pub(super) struct Sheet {
    /// Name that the spreadsheet shows.
    pub(super) name: String,
    /// Path in the archive.
    pub(super) path: String,
    /// Number of rows, with the header.
    pub(super) rows: u32,
    /// Number of columns.
    pub(super) columns: usize,
}

/// A part of what is written, in order.
pub(super) enum Piece {
    /// The start of the file with this path in the archive.
    Start(String),
    Xml(Vec<u8>),
}

/// One or more sheets with the same columns.
pub(super) struct Sheets {
    /// Name of the first sheet; later ones have a number after it.
    name: &'static str,
    /// Start of the names of the sheets' files.
    file: &'static str,
    headings: Vec<Heading>,
    /// The letters of each column.
    letters: Vec<String>,
    limits: Limits,
    pub(super) complete: Vec<Sheet>,
    pieces: Vec<Piece>,
    /// XML after the last piece.
    xml: Vec<u8>,
    /// Number of rows in the current sheet; 0 if there is none.
    row: u32,
    /// Index of the next cell in the current row.
    column: usize,
    /// Size in bytes of the current sheet before `xml`.
    in_sheet: u64,
}

impl Sheets {
    pub(super) fn new(
        (name, file): (&'static str, &'static str),
        headings: Vec<Heading>,
        limits: Limits,
    ) -> Self {
        Self {
            name,
            file,
            letters: (0..headings.len()).map(letters).collect(),
            headings,
            limits,
            complete: Vec::new(),
            pieces: Vec::new(),
            xml: Vec::new(),
            row: 0,
            column: 0,
            in_sheet: 0,
        }
    }

    /// Returns the size in bytes of what was written since the last [`Self::take`].
    pub(super) fn pending(&self) -> usize {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Start(_) => 0,
            Piece::Xml(xml) => xml.len(),
        });
        pieces.sum::<usize>() + self.xml.len()
    }

    /// Takes what was written since the last call.
    pub(super) fn take(&mut self) -> Vec<Piece> {
        self.end_piece();
        std::mem::take(&mut self.pieces)
    }

    /// Begins a sheet with its header.
    pub(super) fn begin(&mut self) {
        self.pieces.push(Piece::Start(self.path()));
        self.push(concat!(
            r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#,
            "\n",
            r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">"#,
            r#"<sheetViews><sheetView workbookViewId="0">"#,
            r#"<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>"#,
            r#"<selection pane="bottomLeft"/></sheetView></sheetViews>"#,
            r#"<sheetFormatPr defaultRowHeight="15"/><cols>"#,
        ));
        for (number, heading) in (1..).zip(&self.headings) {
            let width = heading.width;
            let column =
                format!(r#"<col min="{number}" max="{number}" width="{width}" customWidth="1"/>"#);
            self.xml.extend_from_slice(column.as_bytes());
        }
        self.push("</cols><sheetData>");
        self.open_row();
        let headings = std::mem::take(&mut self.headings);
        for heading in &headings {
            self.styled_text(&heading.name, Style::Header);
        }
        self.headings = headings;
        self.end_row();
    }

    /// Ends the current sheet, if there is one.
    pub(super) fn end(&mut self) {
        if self.row == 0 {
            return;
        }
        let sheet = Sheet {
            name: match self.complete.len() {
                0 => self.name.to_owned(),
                earlier => format!("{} {}", self.name, earlier + 1),
            },
            path: self.path(),
            rows: self.row,
            columns: self.headings.len(),
        };
        let (column, row) = sheet.last_cell();
        self.push(&format!(r#"</sheetData><autoFilter ref="A1:{column}{row}"/></worksheet>"#));
        self.end_piece();
        self.complete.push(sheet);
        (self.row, self.in_sheet) = (0, 0);
    }

    /// Begins a row, on a new sheet if the current one is full.
    pub(super) fn begin_row(&mut self) {
        let Limits { rows, bytes } = self.limits;
        if self.row >= rows || self.in_sheet + self.xml.len() as u64 >= bytes {
            self.end();
        }
        if self.row == 0 {
            self.begin();
        }
        self.open_row();
    }

    /// Ends the current row.
    pub(super) fn end_row(&mut self) {
        self.push("</row>");
    }

    /// Leaves a cell empty.
    pub(super) fn skip(&mut self) {
        self.column += 1;
    }

    /// Adds a number, as text if the spreadsheet would lose digits.
    pub(super) fn number(&mut self, number: i64) {
        if number.abs() > MAX_NUMBER {
            return self.text(&number.to_string());
        }
        self.open_cell(Style::Number);
        self.push("><v>");
        push_number(&mut self.xml, number);
        self.push("</v></c>");
    }

    /// Adds a date and time, by its number.
    pub(super) fn date(&mut self, serial: f64) {
        self.open_cell(Style::Date);
        self.push(&format!("><v>{serial}</v></c>"));
    }

    /// Adds a text, which must not be longer than a cell can be.
    pub(super) fn text(&mut self, text: &str) {
        self.styled_text(text, Style::Text);
    }

    fn styled_text(&mut self, text: &str, style: Style) {
        self.open_cell(style);
        self.push(r#" t="inlineStr"><is><t xml:space="preserve">"#);
        xml::push_text(&mut self.xml, text);
        self.push("</t></is></c>");
    }

    fn open_row(&mut self) {
        self.row += 1;
        self.column = 0;
        self.push("<row r=\"");
        push_number(&mut self.xml, self.row.into());
        self.push("\">");
    }

    /// Opens the next cell, up to its attributes.
    fn open_cell(&mut self, style: Style) {
        self.push("<c r=\"");
        self.xml.extend_from_slice(self.letters[self.column].as_bytes());
        push_number(&mut self.xml, self.row.into());
        self.push(match style {
            Style::Number => "\" s=\"0\"",
            Style::Text => "\" s=\"1\"",
            Style::Date => "\" s=\"2\"",
            Style::Header => "\" s=\"3\"",
        });
        self.column += 1;
    }

    fn path(&self) -> String {
        format!("xl/worksheets/{}{}.xml", self.file, self.complete.len() + 1)
    }

    fn push(&mut self, text: &str) {
        self.xml.extend_from_slice(text.as_bytes());
    }

    fn end_piece(&mut self) {
        if !self.xml.is_empty() {
            self.in_sheet += self.xml.len() as u64;
            self.pieces.push(Piece::Xml(std::mem::take(&mut self.xml)));
        }
    }
}

impl Sheet {
    /// Returns the column and the row of the last cell.
    pub(super) fn last_cell(&self) -> (String, u32) {
        (letters(self.columns - 1), self.rows)
    }
}

/// Returns the letters of a column, by its index: A to Z, AA to ZZ, and so on.
fn letters(index: usize) -> String {
    let last = char::from(b'A' + (index % 26) as u8);
    match index / 26 {
        0 => last.to_string(),
        more => format!("{}{last}", letters(more - 1)),
    }
}
