use proptest::{collection::vec, prelude::*};

use super::{tests::written, *};

/// Characters that mean something in CSV or to a spreadsheet, and a few that mean nothing.
const SPECIAL: &str = "=+-@\t\r\n'\"\",,;;|| a59.e]}\u{0}\u{85}\u{a0}\u{feff}＝＋－＠é";

/// Cells of any text, above all of special characters.
fn cell() -> impl Strategy<Value = String> {
    let special = prop::sample::select(SPECIAL.chars().collect::<Vec<_>>());
    let c = prop_oneof![6 => special, 1 => any::<char>()];
    vec(c, 0..16).prop_map(|chars| chars.into_iter().collect())
}

/// Reads a row with the `csv` crate.
fn read(row: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
    let mut records = reader.records();
    let record = records.next().expect("a row").expect("a row");
    assert!(records.next().is_none());
    record.iter().map(str::to_owned).collect()
}

/// Returns the original of a neutralized cell, as the documentation describes.
fn original(cell: &str) -> String {
    let (mut text, mut separator) = (String::new(), None);
    let mut chars = cell.char_indices().peekable();
    loop {
        if let Some((at, '\'')) = chars.peek()
            && formula::begins_formula(&cell[at + 1..], separator)
        {
            chars.next();
        }
        // Up to the next separator, after which a cell can begin.
        loop {
            let Some((_, c)) = chars.next() else { return text };
            text.push(c);
            separator = u8::try_from(c).ok().filter(|byte| formula::separates(*byte));
            if separator.is_some() {
                break;
            }
        }
    }
}

/// True if a spreadsheet that reads `cell`, without regard to quotes, finds a formula.
fn is_formula(cell: &str) -> bool {
    let cell = cell.trim_matches(|c: char| c == '"' || c.is_whitespace());
    let Some(first) = cell.chars().next() else { return false };
    if !"=+-@＝＋－＠".contains(first) {
        return false;
    }
    // What follows a number here ends any formula with a syntax error.
    let number = cell.split([']', '}', '"']).next().unwrap_or_default().trim_end();
    let number = number.strip_prefix(['+', '-']).map(str::parse::<f64>);
    !matches!(number, Some(Ok(_)))
}

proptest! {
    #[test]
    fn cells_read_back(mut cells in vec(cell(), 1..6)) {
        // A row of one empty cell would be an empty line; rows of ours begin with a number.
        cells.insert(0, "1".to_owned());
        let texts: Vec<_> = cells.iter().map(String::as_str).collect();
        let (exact, _) = written(&texts, false);
        prop_assert_eq!(&read(&exact), &cells);
        let (row, counts) = written(&texts, true);
        let found = read(&row);
        let restored: Vec<_> = found.iter().map(|cell| original(cell)).collect();
        prop_assert_eq!(&restored, &cells);
        let changed = found.iter().zip(&cells).filter(|(found, cell)| found != cell).count();
        prop_assert_eq!(counts.neutralized, changed as u64);
    }

    #[test]
    fn no_cell_begins_a_formula_however_a_spreadsheet_splits(mut cells in vec(cell(), 1..6)) {
        cells.insert(0, "1".to_owned());
        let texts: Vec<_> = cells.iter().map(String::as_str).collect();
        let (row, _) = written(&texts, true);
        for cell in read(&row) {
            prop_assert!(!is_formula(&cell), "{cell:?} of {row:?}");
        }
        for separator in [',', ';', '\t', '|'] {
            for split in [&[separator][..], &[separator, '\r', '\n'], &[',', ';', '\t', '|', '\r', '\n']] {
                for cell in row.split(split) {
                    prop_assert!(!is_formula(cell), "{cell:?} of {row:?}");
                }
            }
        }
    }
}
