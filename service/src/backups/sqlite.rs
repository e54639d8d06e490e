//! SQLite: rows by its own library, without sqlx between, which copies each value and crosses
//! threads at each row.

pub(super) mod dump;
pub(super) mod fill;
pub(super) mod literal;
mod schema;

use rusqlite::types::ValueRef;

use super::{
    Tally, portable, row,
    tables::{Column, Kind, Rows, Table},
};
use crate::{
    Engine, Fault, Result,
    database::sqlite::{fault, open_reader},
    text::{push_hex, push_number},
};

pub(super) use crate::database::sqlite::file;

/// Appends a row of `table` in its canonical form, without its line break; and as literals with
/// commas between.
fn render(
    row: &rusqlite::Row<'_>,
    table: &Table,
    line: &mut Vec<u8>,
    mut literals: Option<&mut Vec<u8>>,
) -> std::result::Result<(), Unfit> {
    for (index, column) in table.columns.iter().enumerate() {
        if index > 0 {
            line.push(b'\t');
        }
        let value = row.get_ref(index).map_err(|_| Unfit(column.name))?;
        if let Some(literals) = &mut literals {
            if index > 0 {
                literals.push(b',');
            }
            literal::write(value, literals);
        }
        if !push(column, value, line) {
            return Err(Unfit(column.name));
        }
    }
    Ok(())
}

/// The column whose value is not of its kind, which no backup can hold.
struct Unfit(&'static str);

impl Unfit {
    /// Names the row, of which `line` is what comes before the column.
    fn of(self, table: &Table, number: u64, line: &[u8]) -> crate::Error {
        let start = line.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let row = portable::describe(table, number, &line[start..]);
        let Self(column) = self;
        Fault::Row(format!("{row}: its {column} holds what is not of the column's type")).into()
    }
}

/// Appends the field of a value; false where the value is not of the column's kind.
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

/// The query for a table's rows, those that `rows` says.
fn select(table: &Table, rows: Rows) -> String {
    let condition = rows.condition(Engine::Sqlite);
    format!("SELECT {} FROM {}{condition}", table.column_names(), table.name)
}

/// What the rows of a table come to.
fn tally(db: &rusqlite::Connection, table: &Table, rows: Rows) -> Result<Tally> {
    let mut statement = db.prepare(&select(table, rows)).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let (mut tally, mut line) = (Tally::default(), Vec::new());
    while let Some(row) = rows.next().map_err(fault)? {
        line.clear();
        let number = tally.rows + 1;
        render(row, table, &mut line, None).map_err(|unfit| unfit.of(table, number, &line))?;
        tally.add(&line);
    }
    Ok(tally)
}
