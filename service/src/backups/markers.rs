//! Lines that divide a backup's file into its parts.

use super::{
    Table,
    manifest::{FORMAT, engine_name},
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
