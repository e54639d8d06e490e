//! The cells of a spreadsheet: their limit, and what is counted about them.

/// Maximum length of a cell in Excel, in UTF-16 code units ("Excel specifications and limits").
/// Excel and LibreOffice cut off or split what is longer when they import a CSV.
pub(super) const MAX_CELL_UNITS: usize = 32_767;

/// Counts of an export's cells.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Cells {
    /// Number of cells that were changed so that no spreadsheet runs them.
    pub(super) neutralized: u64,
    /// Number of cells longer than [`MAX_CELL_UNITS`].
    pub(super) long: u64,
}

/// True if `text` with `more` further units is longer than a cell can be.
pub(super) fn is_long(text: &str, more: usize) -> bool {
    // No text has more UTF-16 code units than bytes.
    text.len() + more > MAX_CELL_UNITS && text.encode_utf16().count() + more > MAX_CELL_UNITS
}
