//! SQLite by its own library, for whoever reads or writes very many rows: sqlx copies each value and
//! crosses threads at each row, which costs ten times what SQLite does.

use std::path::{Path, PathBuf};

use chrono::SecondsFormat;
use rusqlite::{
    Connection,
    types::{ToSqlOutput, Value as SqliteValue},
};
use sea_orm::{DatabaseConnection, DbErr, Statement, Value};

use crate::{Fault, Result};

/// The file of a SQLite database.
pub(crate) fn file(db: &DatabaseConnection) -> PathBuf {
    let options = db.get_sqlite_connection_pool().connect_options();
    options.get_filename().to_owned()
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    use rusqlite::OpenFlags;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(fault)?;
    // Two MiB: each page is read once.
    db.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048;").map_err(fault)?;
    Ok(db)
}

/// The values of a statement that sea-orm has built, as sqlx would bind them.
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

/// What SQLite said, by who can put it right: a full disk is the storage's fault; a file that is
/// locked or can't be read now may be free or readable later; the rest stays as it is.
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
