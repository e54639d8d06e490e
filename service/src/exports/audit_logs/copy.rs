//! Reads rows from PostgreSQL by COPY in its binary format: each row is one message of the server,
//! and its values are read in place. An export that fetches query rows takes up to twice as long.

mod literals;

use futures::TryStreamExt;
use sea_orm::Statement;
use sqlx::{PgPool, Postgres, pool::PoolConnection};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use self::literals::with_literals;
use super::{columns::COLUMNS, row::Row, sink::Sink};
use crate::{Core, Error, Fault, buffer_pool::BufferPool, exports::format::Encoder, tenancy};

/// Beginning of the server's first message, before flags and the length of an extension
/// (PostgreSQL's manual, COPY, "Binary Format").
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Capacity in bytes of a batch of rows.
const BATCH_BYTES: usize = 256 * 1024;
/// Capacity in batches of the queue, so that the server need not wait while a piece is written.
const MAX_WAITING_BATCHES: usize = 2;

/// Rows of a statement, received in a separate task while earlier rows are encoded.
pub(super) struct Rows {
    batches: mpsc::Receiver<Vec<u8>>,
    buffers: BufferPool,
    reading: AbortOnDropHandle<Result<(), Error>>,
}

impl Rows {
    /// Starts to read the rows that `statement` selects, into buffers of `buffers`.
    pub(super) fn begin(
        core: &Core,
        statement: &Statement,
        buffers: &BufferPool,
    ) -> Result<Self, Error> {
        let copy = format!("COPY ({}) TO STDOUT (FORMAT binary)", with_literals(statement)?);
        let pool = core.db.bulk().get_postgres_connection_pool().clone();
        let (sender, batches) = mpsc::channel(MAX_WAITING_BATCHES);
        let reading = read(pool, copy, sender, buffers.clone());
        let reading = core.tasks.spawn(tenancy::inherit(reading));
        Ok(Self { batches, buffers: buffers.clone(), reading: AbortOnDropHandle::new(reading) })
    }

    /// Passes the next batch of rows to `sink`. Returns false once there are none left.
    pub(super) async fn next<E: Encoder>(&mut self, sink: &mut Sink<E>) -> Result<bool, Error> {
        if let Some(batch) = self.batches.recv().await {
            rows(&batch, sink).await?;
            self.buffers.give_back(batch);
            return Ok(true);
        }
        (&mut self.reading).await.map_err(Fault::from)??;
        Ok(false)
    }
}

/// Runs `copy` and sends its rows to `batches`.
async fn read(
    pool: PgPool,
    copy: String,
    batches: mpsc::Sender<Vec<u8>>,
    buffers: BufferPool,
) -> Result<(), Error> {
    let mut lent = Lent { connection: pool.acquire().await.map_err(Fault::from)?, is_done: false };
    let mut messages = lent.connection.copy_out_raw(&copy).await.map_err(Fault::from)?;
    let first = messages.try_next().await.map_err(Fault::from)?.unwrap_or_default();
    let mut batch = buffers.take(BATCH_BYTES);
    batch.extend_from_slice(after_header(&first).ok_or_else(unreadable)?);
    while let Some(message) = messages.try_next().await.map_err(Fault::from)? {
        // Beyond its capacity, the buffer would double.
        if batch.len() + message.len() > BATCH_BYTES {
            // The receiver is gone if the export has ended.
            if batches.send(batch).await.is_err() {
                return Ok(());
            }
            batch = buffers.take(BATCH_BYTES);
        }
        batch.extend_from_slice(&message);
    }
    drop(messages);
    lent.is_done = true;
    // The receiver may be gone, as above.
    let _ = batches.send(batch).await;
    Ok(())
}

/// A connection that runs COPY. It is closed if the copy is cut short, because its next user would
/// have to read the remaining rows.
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

/// Parses messages and passes their rows to `sink`. A field count of -1 marks the end of the data.
async fn rows<E: Encoder>(mut message: &[u8], sink: &mut Sink<E>) -> Result<(), Error> {
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
        sink.push(&Row::of_postgres(sink.organization_id, &values)?)?;
        if sink.encoder.is_full() {
            sink.encoder.write_full().await?;
        }
        // Nothing else here yields to other tasks before the batch is done.
        tokio::task::coop::consume_budget().await;
    }
    if message.is_empty() { Ok(()) } else { Err(unreadable()) }
}

/// Takes the next field: a length and that many bytes, or a length of -1 for NULL.
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

fn unreadable() -> Error {
    Fault::decode("an answer to COPY", "it is not rows in binary format").into()
}
