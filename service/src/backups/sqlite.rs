//! SQLite: reads and writes rows through rusqlite rather than sqlx, which copies each value and
//! crosses threads for each row.

pub(super) mod dump;
pub(super) mod fill;
pub(super) mod literal;
mod schema;

use rusqlite::types::ValueRef;

use super::{
    TableDigest, portable, row,
    tables::{Column, Kind, Rows, Table},
};
use crate::{
    Engine, Fault, Result,
    database::sqlite::{fault, open_reader},
    text::{push_hex, push_number},
};

pub(super) use crate::database::sqlite::file;

/// Appends a row of `table` to `line` in canonical form, without its line break, and to `literals`,
/// if given, as SQL literals separated by commas.
fn render(
    row: &rusqlite::Row<'_>,
    table: &Table,
    line: &mut Vec<u8>,
    mut literals: Option<&mut Vec<u8>>,
) -> Result<(), WrongType> {
    for (index, column) in table.columns.iter().enumerate() {
        if index > 0 {
            line.push(b'\t');
        }
        let value = row.get_ref(index).map_err(|_| WrongType(column.name))?;
        if let Some(literals) = &mut literals {
            if index > 0 {
                literals.push(b',');
            }
            literal::write(value, literals);
        }
        if !push(column, value, line) {
            return Err(WrongType(column.name));
        }
    }
    Ok(())
}

/// A value that is not of its column's kind, so that no backup can hold it. Names the column.
struct WrongType(&'static str);

impl WrongType {
    /// Converts to an error that names the row. `line` ends with the row's fields before the
    /// column.
    fn of(self, table: &Table, number: u64, line: &[u8]) -> crate::Error {
        let start = line.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let row = portable::describe(table, number, &line[start..]);
        let Self(column) = self;
        Fault::Row(format!("{row}: its {column} holds what is not of the column's type")).into()
    }
}

/// Appends a value as a canonical field. Returns false if the value is not of the column's kind.
fn push(column: &Column, value: ValueRef<'_>, line: &mut Vec<u8>) -> bool {
    match (column.kind, value) {
        (_, ValueRef::Null) => line.extend_from_slice(row::NULL),
        (Kind::Uuid, ValueRef::Blob(bytes)) => match bytes.try_into() {
            Ok(bytes) => row::push_uuid(bytes, line),
            Err(_) => return false,
        },
        (Kind::Time, ValueRef::Text(text)) => return row::push_time(text, line),
        (Kind::Bytes, ValueRef::Blob(bytes)) => {
            line.extend_from_slice(br"\\x");
            push_hex(line, bytes);
        }
        (Kind::Integer, ValueRef::Integer(number)) => {
            push_number(line, number);
        }
        (Kind::Boolean, ValueRef::Integer(number @ 0..=1)) => {
            line.push(if number == 1 { b't' } else { b'f' });
        }
        (Kind::Text, ValueRef::Text(text)) => row::escape(text, line),
        _ => return false,
    }
    true
}

/// Returns the query for the selected `rows` of a table.
fn select(table: &Table, rows: Rows) -> String {
    let condition = rows.condition(Engine::Sqlite);
    format!("SELECT {} FROM {}{condition}", table.column_names(), table.name)
}

/// Computes the digest of the selected `rows` of a table.
fn digest(db: &rusqlite::Connection, table: &Table, rows: Rows) -> Result<TableDigest> {
    let mut statement = db.prepare(&select(table, rows)).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let (mut digest, mut line) = (TableDigest::default(), Vec::new());
    while let Some(row) = rows.next().map_err(fault)? {
        line.clear();
        let number = digest.rows + 1;
        render(row, table, &mut line, None).map_err(|unfit| unfit.of(table, number, &line))?;
        digest.add(&line);
    }
    Ok(digest)
}
