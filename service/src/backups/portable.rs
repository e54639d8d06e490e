//! Checks that both engines can hold every value. A backup that only its own engine can restore is
//! no way to move to the other engine, so its verification fails and names the row.

use std::fmt::Write;

use chrono::Datelike;

use super::{
    RestoreError,
    batch::Batch,
    row,
    tables::{Column, Kind, Table},
};
use crate::text::{has, instant};

/// Number of leading columns that errors may quote from a row: those of its key, if they hold no
/// tenant's content.
const QUOTABLE_COLUMNS: usize = 2;

/// Checks rows as they are read, table by table.
#[derive(Debug, Default)]
pub(super) struct Portable {
    table: usize,
    rows: u64,
}

impl Portable {
    /// Checks the next rows.
    ///
    /// # Errors
    /// The first row that one of the engines can't hold, by table, number and key, with the column.
    pub(super) fn check(&mut self, batch: &Batch) -> Result<(), RestoreError> {
        if batch.index != self.table {
            *self = Self { table: batch.index, rows: 0 };
        }
        let table = &*batch.table;
        for line in batch.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.rows += 1;
            if let Some((column, what)) = problem(table, line) {
                let row = describe(table, self.rows, line);
                let message = format!("{row}: its {} {what}", column.name);
                return Err(RestoreError::table(table, &message));
            }
        }
        Ok(())
    }
}

/// Names a row by its number in the table, and by those columns of its key that are UUIDs or
/// integers, which are no tenant's content.
pub(super) fn describe(table: &Table, number: u64, line: &[u8]) -> String {
    let mut text = format!("row {number}");
    let fields = table.columns.iter().zip(line.split(|byte| *byte == b'\t')).take(QUOTABLE_COLUMNS);
    for (column, field) in fields {
        if matches!(column.kind, Kind::Uuid | Kind::Integer) {
            let _ = write!(text, ", {} {}", column.name, String::from_utf8_lossy(field));
        }
    }
    text
}

/// Returns the first column that one of the engines can't hold, with the reason; none if both can.
fn problem<'a>(table: &'a Table, line: &[u8]) -> Option<(&'a Column, &'static str)> {
    // Check the whole line once, since most of it is text.
    let is_text = is_text(line);
    let fields = line.split(|byte| *byte == b'\t');
    table.columns.iter().zip(fields).filter(|(_, field)| *field != row::NULL).find_map(
        |(column, field)| {
            let what = match column.kind {
                Kind::Text if !is_text && !is_text_of(field) => {
                    "holds a NUL character, half a surrogate pair or what is not UTF-8, which \
                     PostgreSQL can't hold"
                }
                Kind::Time if !is_time(field) => {
                    "holds no instant between the years 1 and 9999, which are those of both engines"
                }
                Kind::Integer if !is_within(field, column.max_integer) => {
                    "holds a number that is beyond the column's range on PostgreSQL"
                }
                Kind::Text | Kind::Time | Kind::Integer => return None,
                Kind::Uuid | Kind::Bytes | Kind::Boolean => return None,
            };
            Some((column, what))
        },
    )
}

fn is_text(bytes: &[u8]) -> bool {
    !has(bytes, |byte| byte == 0) && std::str::from_utf8(bytes).is_ok()
}

fn is_text_of(field: &[u8]) -> bool {
    row::unescape(field).is_some_and(|text| is_text(&text))
}

fn is_time(field: &[u8]) -> bool {
    let found = row::time_for_sqlite(field).and_then(|text| instant(&text));
    found.is_some_and(|instant| (1..=9999).contains(&instant.year()))
}

fn is_within(field: &[u8], most: i64) -> bool {
    let number = std::str::from_utf8(field).ok().and_then(|text| text.parse::<i64>().ok());
    // The negative range has one more number.
    number.is_some_and(|number| number <= most && number >= -1 - most)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::backups::tables::find;

    fn check(name: &str, lines: &[&str]) -> Result<(), String> {
        let (index, table) = find(name).expect("a table");
        let mut portable = Portable::default();
        // Each line is a batch of its own; rows are counted across batches.
        lines.iter().try_for_each(|line| {
            let table = Arc::new(table.clone());
            let batch = Batch { index, table, lines: format!("{line}\n").into_bytes() };
            portable.check(&batch).map_err(|error| error.to_string())
        })
    }

    #[test]
    fn row_that_one_engine_can_t_hold_is_named() {
        let id = "01935c2e-0000-7000-8000-000000000000";
        let row = |name: &str, at: &str| format!("{id}\t{id}\t{name}\t{at}");
        let good = row("a\\tb \u{10ffff}", "2026-01-01 00:00:00.5+00");
        assert_eq!(check("workspaces", &[&good, &good]), Ok(()));
        for (name, at, column) in [
            ("a\0b", "2026-01-01 00:00:00+00", "name"),
            ("a", "infinity", "created_at"),
            ("a", "0000-01-01 00:00:00+00", "created_at"),
            ("a", "2026-02-30 00:00:00+00", "created_at"),
            ("a", "12026-01-01 00:00:00+00", "created_at"),
        ] {
            let said = check("workspaces", &[&good, &row(name, at)]).expect_err(at);
            let named =
                format!("table workspaces: row 2, organization_id {id}, id {id}: its {column} ");
            assert!(said.starts_with(&named), "{said}");
        }
        assert_eq!(check("job_feed", &["1\t9223372036854775807\t0"]), Ok(()));
    }
}
