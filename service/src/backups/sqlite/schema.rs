//! The schema of a SQLite database, as SQLite itself keeps it.

use rusqlite::Connection;

use super::fault;
use crate::Result;

/// Returns the statements that create the schema, in two parts: tables, which are created before
/// their rows are inserted, and the rest, which is created after them because that is faster or
/// because it would act on each row.
pub(super) fn describe(db: &Connection) -> Result<(String, String)> {
    // A virtual table creates its own shadow tables.
    let sql = "SELECT s.type, s.name, s.sql FROM sqlite_schema AS s
        LEFT JOIN pragma_table_list AS t ON t.name = s.name AND t.schema = 'main'
        WHERE s.sql IS NOT NULL AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
            AND coalesce(t.type, '') <> 'shadow'
        ORDER BY s.rowid";
    let mut statement = db.prepare(sql).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let [mut tables, mut rest, mut triggers] = [String::new(), String::new(), String::new()];
    while let Some(row) = rows.next().map_err(fault)? {
        let kind: String = row.get(0).map_err(fault)?;
        let name: String = row.get(1).map_err(fault)?;
        let sql: String = row.get(2).map_err(fault)?;
        let is_virtual = sql.to_ascii_uppercase().starts_with("CREATE VIRTUAL TABLE");
        let part = match kind.as_str() {
            "table" if !is_virtual => &mut tables,
            "trigger" => &mut triggers,
            _ => &mut rest,
        };
        part.push_str(&sql);
        part.push_str(";\n");
        if is_virtual {
            // A search index is filled from the table that it indexes.
            part.push_str(&format!("INSERT INTO {name} ({name}) VALUES ('rebuild');\n"));
        }
    }
    Ok((tables, rest + &triggers))
}
