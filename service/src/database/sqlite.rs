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
    Connection, OpenFlags,
    types::{ToSqlOutput, Value as SqliteValue},
};
use sea_orm::{DatabaseConnection, DbErr, Statement, Value};
use sqlx::sqlite::SqliteConnectOptions;

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
        other => return Err(Fault::Stored(format!("no value for SQLite: {other:?}")).into()),
    })
}

/// Converts an error of SQLite by who can fix it. A full disk is an error of the storage. A file
/// that is locked or unreadable now may become usable later. All other errors are permanent.
pub(crate) fn fault(error: rusqlite::Error) -> crate::Error {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OperationInterrupted, OutOfMemory,
        SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(DiskFull) => {
            let source = std::io::Error::new(std::io::ErrorKind::StorageFull, error);
            Fault::Io { context: "SQLite".to_owned(), source }.into()
        }
        Some(
            CannotOpen | DatabaseBusy | DatabaseLocked | OperationInterrupted | OutOfMemory
            | SystemIoFailure,
        ) => DbErr::Custom(format!("SQLite: {error}")).into(),
        _ => Fault::Stored(format!("SQLite: {error}")).into(),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let said = |code| fault(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_IOERR, ffi::SQLITE_CANTOPEN]
        {
            let error = said(code);
            assert!(matches!(error, crate::Error::Fault(Fault::Database(_))), "{error:?}");
        }
        assert!(matches!(said(ffi::SQLITE_FULL), crate::Error::Fault(Fault::Io { .. })));
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_CONSTRAINT] {
            let error = said(code);
            assert!(matches!(error, crate::Error::Fault(Fault::Stored(_))), "{error:?}");
        }
    }
}
