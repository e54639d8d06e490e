//! SQLite through rusqlite, for reads and writes of very many rows: sqlx copies each value and
//! crosses threads at each row, which costs ten times what SQLite does.

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use chrono::SecondsFormat;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    types::{ToSqlOutput, Value as SqliteValue},
};
use sea_orm::{DatabaseConnection, Statement, Value};
use sqlx::sqlite::SqliteConnectOptions;

use super::json_condition;
use crate::{Database, Fault, Result};

impl Database {
    /// Returns the file that `url` names; `None` if it is no SQLite URL or names no file.
    #[must_use]
    pub fn sqlite_file(url: &str) -> Option<PathBuf> {
        if url.contains(":memory:") || url.contains("mode=memory") {
            return None;
        }
        let options = url.starts_with("sqlite:").then(|| SqliteConnectOptions::from_str(url))?;
        let file = options.ok()?.get_filename().to_owned();
        (!file.as_os_str().is_empty()).then_some(file)
    }

    /// Returns true if the SQLite file holds Daybook's tables, of any version.
    ///
    /// Changes nothing and creates no file. A usual connection would switch a database that is not
    /// Daybook's to write-ahead logging, or create files beside one that is in that mode.
    ///
    /// # Errors
    /// The file can't be read or is no database.
    pub fn is_in_sqlite_file(file: &Path) -> Result<bool> {
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        // Without a log, no process has the file open, and it holds all data.
        let mode = if Path::new(&log).exists() { "mode=ro" } else { "immutable=1" };
        let path = percent_encode(file.as_os_str().as_bytes(), NON_ALPHANUMERIC);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let db =
            Connection::open_with_flags(format!("file:{path}?{mode}"), flags).map_err(fault)?;
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'audit_logs'";
        let found: i64 = db.query_row(sql, [], |row| row.get(0)).map_err(fault)?;
        Ok(found > 0)
    }
}

/// Returns the file of a SQLite database.
pub(crate) fn file(db: &DatabaseConnection) -> PathBuf {
    let options = db.get_sqlite_connection_pool().connect_options();
    options.get_filename().to_owned()
}

/// Opens a read-only connection.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(fault)?;
    // Two MiB: each page is read once.
    db.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048;").map_err(fault)?;
    db.create_collation(json_condition::COLLATION, json_condition::compare).map_err(fault)?;
    Ok(db)
}

/// Returns the values of a statement that sea-orm has built, as sqlx would bind them.
pub(crate) fn values(statement: &Statement) -> Result<Vec<ToSqlOutput<'_>>> {
    let values = statement.values.iter().flat_map(|values| &values.0);
    values.map(|value| bound(value).map(ToSqlOutput::Owned)).collect()
}

fn bound(value: &Value) -> Result<SqliteValue> {
    Ok(match value {
        Value::Int(Some(number)) => SqliteValue::Integer(i64::from(*number)),
        Value::BigInt(Some(number)) => SqliteValue::Integer(*number),
        Value::BigUnsigned(Some(number)) => {
            SqliteValue::Integer(i64::try_from(*number).unwrap_or(i64::MAX))
        }
        Value::Bool(Some(is_true)) => SqliteValue::Integer(i64::from(*is_true)),
        Value::Bytes(Some(bytes)) => SqliteValue::Blob(bytes.clone()),
        Value::String(Some(text)) => SqliteValue::Text(text.clone()),
        Value::Uuid(Some(id)) => SqliteValue::Blob(id.as_bytes().to_vec()),
        Value::ChronoDateTimeUtc(Some(instant)) => {
            SqliteValue::Text(instant.to_rfc3339_opts(SecondsFormat::AutoSi, false))
        }
        other => return Err(Fault::Bug(format!("no value for SQLite: {other:?}")).into()),
    })
}

/// Converts an error of SQLite. A full disk is an error of the storage.
pub(crate) fn fault(error: rusqlite::Error) -> crate::Error {
    if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
        let source = std::io::Error::new(std::io::ErrorKind::StorageFull, error);
        return Fault::Io { context: "SQLite".to_owned(), source }.into();
    }
    Fault::Sqlite(error).into()
}

/// Returns true if the same call may succeed later: a file that is locked or unreadable now may
/// become usable. All other errors are permanent.
pub(crate) fn may_pass(error: &rusqlite::Error) -> bool {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, OperationInterrupted, OutOfMemory,
        SystemIoFailure,
    };
    matches!(
        error.sqlite_error_code(),
        Some(
            CannotOpen
                | DatabaseBusy
                | DatabaseLocked
                | OperationInterrupted
                | OutOfMemory
                | SystemIoFailure
        )
    )
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let said = |code| fault(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        let may_pass = |code| match said(code) {
            crate::Error::Fault(Fault::Sqlite(error)) => may_pass(&error),
            other => panic!("{other:?}"),
        };
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_IOERR, ffi::SQLITE_CANTOPEN]
        {
            assert!(may_pass(code), "{code}");
        }
        assert!(matches!(said(ffi::SQLITE_FULL), crate::Error::Fault(Fault::Io { .. })));
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_CONSTRAINT] {
            assert!(!may_pass(code), "{code}");
        }
    }
}
