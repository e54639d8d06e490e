//! Reading rows of PostgreSQL by COPY in its binary format: a row is one message of the server's, whose
//! values are read where they lie. An export that reads rows of a query takes up to twice as long.

use std::{fmt::Write, sync::Arc};

use futures::TryStreamExt;
use sea_orm::{DbErr, RuntimeErr, Statement, Value};
use sqlx::{Postgres, pool::PoolConnection};

use super::{
    output::Output,
    row::{COLUMNS, Row},
    sink::Sink,
};
use crate::{Error, Fault, Instance, jobs::End};

/// What the server's first message begins with, before flags and the length of an extension
/// (PostgreSQL's manual, COPY, "Binary Format").
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Reads what `statement` selects through `sink` into `output`, of which a piece is written while the
/// server sends the next.
pub(super) async fn read(
    instance: &Instance,
    statement: &Statement,
    sink: &mut Sink,
    output: &mut Output<'_>,
) -> Result<(), End> {
    let copy = format!("COPY ({}) TO STDOUT (FORMAT binary)", with_literals(statement)?);
    let pool = instance.db.bulk().get_postgres_connection_pool();
    let mut lent = Lent { connection: pool.acquire().await.map_err(fault)?, is_done: false };
    let mut messages = lent.connection.copy_out_raw(&copy).await.map_err(fault)?;
    let first = messages.try_next().await.map_err(fault)?.unwrap_or_default();
    rows(after_header(&first).ok_or_else(unreadable)?, sink)?;
    while let Some(message) = messages.try_next().await.map_err(fault)? {
        rows(&message, sink)?;
        output.offer(sink).await?;
        // Messages come from a buffer: nothing else here ever gives the thread to other tasks.
        tokio::task::coop::consume_budget().await;
    }
    drop(messages);
    lent.is_done = true;
    Ok(())
}

/// A connection that copies. Where the work ends in the middle it is closed: its next user would have
/// to read what is left.
struct Lent {
    connection: PoolConnection<Postgres>,
    is_done: bool,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.is_done {
            self.connection.close_on_drop();
        }
    }
}

fn after_header(message: &[u8]) -> Option<&[u8]> {
    let rest = message.strip_prefix(SIGNATURE)?;
    let (_flags, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    rest.get(usize::try_from(i32::from_be_bytes(*length)).ok()?..)
}

/// Hands on the rows of a message. A count of -1 instead of a row's is the end of all.
fn rows(mut message: &[u8], sink: &mut Sink) -> Result<(), Error> {
    while let Some((count, rest)) = message.split_first_chunk::<2>() {
        if i16::from_be_bytes(*count) == -1 && rest.is_empty() {
            return Ok(());
        }
        if usize::from(u16::from_be_bytes(*count)) != COLUMNS.len() {
            return Err(unreadable());
        }
        message = rest;
        let mut values = [None; COLUMNS.len()];
        for value in &mut values {
            *value = field(&mut message).ok_or_else(unreadable)?;
        }
        sink.push(&Row::of_postgres(&values)?)?;
    }
    if message.is_empty() { Ok(()) } else { Err(unreadable()) }
}

/// Takes the next field: a length and so many bytes, or a length of -1 for NULL.
fn field<'m>(message: &mut &'m [u8]) -> Option<Option<&'m [u8]>> {
    let (length, rest) = message.split_first_chunk::<4>()?;
    *message = rest;
    match i32::from_be_bytes(*length) {
        -1 => Some(None),
        length => {
            let (value, rest) = message.split_at_checked(usize::try_from(length).ok()?)?;
            *message = rest;
            Some(Some(value))
        }
    }
}

/// The statement's text with its values in their places, for COPY takes none beside its text.
fn with_literals(statement: &Statement) -> Result<String, Error> {
    let values = statement.values.as_ref().map_or(&[][..], |values| &values.0);
    let mut parts = statement.sql.split('$');
    let mut sql = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let number: Option<usize> = part[..end].parse().ok();
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or_else(|| Fault::Stored("a place without a value".to_owned()))?;
        push_literal(value, &mut sql)?;
        sql.push_str(&part[end..]);
    }
    Ok(sql)
}

/// Appends a value as an expression of its type; text escaped as libpq's `PQescapeLiteral` does it.
fn push_literal(value: &Value, sql: &mut String) -> Result<(), Error> {
    let written = match value {
        Value::BigInt(Some(number)) => write!(sql, "({number})::bigint"),
        Value::BigUnsigned(Some(number)) => write!(sql, "{number}"),
        Value::Int(Some(number)) => write!(sql, "({number})::integer"),
        Value::Uuid(Some(id)) => write!(sql, "'{id}'::uuid"),
        Value::ChronoDateTimeUtc(Some(instant)) => {
            write!(sql, "'{}'::timestamptz", instant.to_rfc3339())
        }
        Value::String(Some(text)) if !text.contains('\0') => {
            write!(sql, " E'{}'::text", text.replace('\\', r"\\").replace('\'', "''"))
        }
        other => return Err(Fault::Stored(format!("no literal of {other:?}")).into()),
    };
    written.map_err(|_| Fault::Stored("a literal".to_owned()).into())
}

fn fault(error: sqlx::Error) -> Error {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))).into()
}

fn unreadable() -> Error {
    Fault::Stored("COPY sent something other than rows".to_owned()).into()
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;

    #[test]
    fn no_text_ends_its_literal() {
        let values = [r"'; DROP TABLE jobs --", r"\'", "a\\", "$1", "\u{1a}\n\t\"é"];
        for text in values {
            let values = [text.into(), Value::from(-5_i64)];
            let sql = "SELECT * FROM t WHERE a = $1 AND b > $2 LIMIT 3";
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
            let sql = with_literals(&statement).unwrap();
            let inner = sql.strip_prefix("SELECT * FROM t WHERE a =  E'").unwrap();
            let inner = inner.strip_suffix("'::text AND b > (-5)::bigint LIMIT 3").unwrap();
            let back = inner.replace(r"\\", "\\").replace("''", "'");
            assert_eq!(back, text);
            let bare = inner.replace(r"\\", "").replace("''", "");
            assert!(!bare.contains(['\\', '\'']), "{bare}");
        }
    }
}
