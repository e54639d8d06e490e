//! Fills a SQLite database from canonical lines.

use std::path::Path;

use rusqlite::{Connection, types::Value};

use super::{digest, fault};
use crate::{
    Fault, Result,
    backups::{
        TableDigest,
        batch::Batches,
        fill_script::FillScript,
        row,
        tables::{Kind, Table},
    },
};

/// Fills a scratch database and returns the tallies of its tables. SQLite keeps the database in an
/// unnamed file, which is gone when the connection or the process ends, however it ends.
pub(in crate::backups) fn scratch(
    script: &FillScript,
    batches: Batches,
) -> Result<Vec<TableDigest>> {
    let db = Connection::open("").map_err(fault)?;
    db.execute_batch("PRAGMA cache_size = -2048; PRAGMA synchronous = OFF; BEGIN;")
        .map_err(fault)?;
    fill(&db, script, batches)
}

/// Fills a migrated database in one transaction, which is committed only if `check` accepts the
/// tallies of the tables.
pub(in crate::backups) fn restore(
    path: &Path,
    script: &FillScript,
    batches: Batches,
    check: impl FnOnce(Vec<TableDigest>) -> Result<()>,
) -> Result<()> {
    let db = Connection::open(path).map_err(fault)?;
    db.execute_batch("PRAGMA cache_size = -65536; BEGIN IMMEDIATE;").map_err(fault)?;
    check(fill(&db, script, batches)?)?;
    db.execute_batch("COMMIT").map_err(fault)
}

fn fill(db: &Connection, script: &FillScript, mut batches: Batches) -> Result<Vec<TableDigest>> {
    db.execute_batch(&script.prologue).map_err(fault)?;
    while let Some(batch) = batches.blocking_next() {
        insert(db, &batch.table, &batch.lines)?;
        batches.done(batch);
    }
    db.execute_batch(&script.epilogue).map_err(fault)?;
    script.parts.iter().map(|part| digest(db, &part.table, part.rows)).collect()
}

fn insert(db: &Connection, table: &Table, lines: &[u8]) -> Result<()> {
    let places = vec!["?"; table.columns.len()].join(", ");
    let names = table.column_names();
    let sql = format!("INSERT INTO {} ({names}) VALUES ({places})", table.name);
    let mut statement = db.prepare(&sql).map_err(fault)?;
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let fields = line.split(|byte| *byte == b'\t');
        for (index, (column, field)) in table.columns.iter().zip(fields).enumerate() {
            let value = value(column.kind, field).ok_or_else(|| {
                let what = format!("{}.{} of a backup", table.name, column.name);
                Fault::decode(what, "it is not of the column's type")
            })?;
            statement.raw_bind_parameter(index + 1, value).map_err(fault)?;
        }
        statement.raw_execute().map_err(fault)?;
    }
    Ok(())
}

/// Converts a canonical field to the value that SQLite stores for it; returns none if the field is
/// malformed.
fn value(kind: Kind, field: &[u8]) -> Option<Value> {
    if field == row::NULL {
        return Some(Value::Null);
    }
    Some(match kind {
        Kind::Uuid => {
            let digits: Vec<u8> = field.iter().copied().filter(|byte| *byte != b'-').collect();
            Value::Blob(row::unhex_all(&digits)?)
        }
        Kind::Time => Value::Text(row::time_for_sqlite(field)?),
        Kind::Bytes => Value::Blob(row::unhex_all(field.strip_prefix(br"\\x")?)?),
        Kind::Integer => Value::Integer(std::str::from_utf8(field).ok()?.parse().ok()?),
        Kind::Boolean => match field {
            b"t" => Value::Integer(1),
            b"f" => Value::Integer(0),
            _ => return None,
        },
        Kind::Text => Value::Text(String::from_utf8(row::unescape(field)?).ok()?),
    })
}
