//! Lines that divide a backup's file into its parts.

use super::{
    Table,
    manifest::{FORMAT, engine_name},
    tables::find,
};
use crate::Engine;

/// Line that precedes the rows.
pub(super) const DATA: &str = "-- daybook: rows";
/// Line that follows the last row.
pub(super) const DATA_END: &str = "-- daybook: end of rows";

/// Returns the first line of a file.
pub(super) fn first_line(engine: Engine) -> String {
    let engine = engine_name(engine);
    format!("-- Daybook backup: format {}, engine {engine}", FORMAT)
}

/// Returns the line that begins a COPY of a table's rows.
pub(super) fn copy_line(table: &Table) -> String {
    format!("COPY {} ({}) FROM stdin;", table.name, table.column_names())
}

/// Returns the line that begins an INSERT of a table's rows.
pub(super) fn insert_line(table: &Table) -> String {
    format!("INSERT INTO {} ({}) VALUES", table.name, table.column_names())
}

/// Returns the table whose rows a line begins, with its index and the columns that the line names;
/// none if the line is not what [`copy_line`] or [`insert_line`] makes.
pub(super) fn begun_table(engine: Engine, line: &[u8]) -> Option<(usize, Table)> {
    let (start, end) = match engine {
        Engine::Sqlite => ("INSERT INTO ", ") VALUES"),
        Engine::Postgres => ("COPY ", ") FROM stdin;"),
    };
    let line = std::str::from_utf8(line).ok()?;
    let (name, names) = line.strip_prefix(start)?.strip_suffix(end)?.split_once(" (")?;
    let (index, table) = find(name)?;
    Some((index, table.with_columns(names.split(", "))?))
}
