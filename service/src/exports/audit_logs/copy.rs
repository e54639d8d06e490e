//! Reading rows of PostgreSQL by COPY in its binary format: a row is one message of the server's, whose
//! values are read where they lie. An export that reads rows of a query takes up to twice as long.

mod literals;

use std::sync::Arc;

use futures::TryStreamExt;
use sea_orm::{DbErr, RuntimeErr, Statement};
use sqlx::{PgPool, Postgres, pool::PoolConnection};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use self::literals::with_literals;
use super::{
    row::{COLUMNS, Row},
    sink::Sink,
};
use crate::{Core, Error, Fault, buffer_pool::BufferPool, tenancy};

/// What the server's first message begins with, before flags and the length of an extension
/// (PostgreSQL's manual, COPY, "Binary Format").
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Bytes of rows that are handed on at once.
const BATCH: usize = 256 * 1024;
/// Batches that wait: the server need not, while a piece is written.
const WAITING: usize = 2;

/// The rows of a statement, which come in a task of its own while earlier ones are worked on.
pub(super) struct Rows {
    batches: mpsc::Receiver<Vec<u8>>,
    spares: BufferPool,
    reading: AbortOnDropHandle<Result<(), Error>>,
}

impl Rows {
    /// Begins to read what `statement` selects, in buffers of `spares`.
    pub(super) fn begin(
        core: &Core,
        statement: &Statement,
        spares: &BufferPool,
    ) -> Result<Self, Error> {
        let copy = format!("COPY ({}) TO STDOUT (FORMAT binary)", with_literals(statement)?);
        let pool = core.db.bulk().get_postgres_connection_pool().clone();
        let (sender, batches) = mpsc::channel(WAITING);
        let reading = read(pool, copy, sender, spares.clone());
        let reading = core.tasks.spawn(tenancy::inherit(reading));
        Ok(Self { batches, spares: spares.clone(), reading: AbortOnDropHandle::new(reading) })
    }

    /// Hands the next rows to `sink`; whether there were any.
    pub(super) async fn next(&mut self, sink: &mut Sink) -> Result<bool, Error> {
        if let Some(batch) = self.batches.recv().await {
            rows(&batch, sink).await?;
            self.spares.give_back(batch);
            return Ok(true);
        }
        (&mut self.reading).await.map_err(Fault::from)??;
        Ok(false)
    }
}

/// Runs `copy` and hands on its rows, in batches.
async fn read(
    pool: PgPool,
    copy: String,
    batches: mpsc::Sender<Vec<u8>>,
    spares: BufferPool,
) -> Result<(), Error> {
    let mut lent = Lent { connection: pool.acquire().await.map_err(fault)?, is_done: false };
    let mut messages = lent.connection.copy_out_raw(&copy).await.map_err(fault)?;
    let first = messages.try_next().await.map_err(fault)?.unwrap_or_default();
    let mut batch = spares.take(BATCH);
    batch.extend_from_slice(after_header(&first).ok_or_else(unreadable)?);
    while let Some(message) = messages.try_next().await.map_err(fault)? {
        // A batch that grew would double.
        if batch.len() + message.len() > BATCH {
            // Nobody takes it where the export has ended.
            if batches.send(batch).await.is_err() {
                return Ok(());
            }
            batch = spares.take(BATCH);
        }
        batch.extend_from_slice(&message);
    }
    drop(messages);
    lent.is_done = true;
    // As above.
    let _ = batches.send(batch).await;
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

/// Hands on the rows of some messages. A count of -1 instead of a row's is the end of all.
async fn rows(mut message: &[u8], sink: &mut Sink) -> Result<(), Error> {
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
        if sink.encoder.is_full() {
            sink.encoder.write_full().await?;
        }
        // Nothing else here would give the thread to other tasks before the batch is done.
        tokio::task::coop::consume_budget().await;
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

fn fault(error: sqlx::Error) -> Error {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))).into()
}

fn unreadable() -> Error {
    Fault::Stored("COPY sent something other than rows".to_owned()).into()
}
