//! Reads segments by the fastest method of each database engine.

use std::sync::Arc;

use daybook_entity::audit_log;
use rusqlite::Connection;
use sea_orm::{DbErr, QuerySelect, QueryTrait, RuntimeErr, Statement};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{columns::COLUMNS, copy::Rows, output::Output, row::Row, sink::Sink};
use crate::{
    Core, Database, Engine, Error, audit,
    buffer_pool::BufferPool,
    database::sqlite,
    exports::{AuditLogs, format::Encoder},
    jobs::AttemptError,
    page::{Direction, Keyset, Part},
};

/// Minimum number of rows in a segment.
const MIN_SEGMENT_ROWS: u64 = 100;

/// Reads an export's entries in segments.
pub(super) struct Reader<'a> {
    core: Arc<Core>,
    organization_id: Uuid,
    source: &'a AuditLogs,
    pub(super) keyset: Keyset<audit_log::Entity>,
    connection: Reading,
    /// Buffers for batches of rows, reused from one segment to the next.
    buffers: BufferPool,
}

enum Reading {
    /// Rows read by COPY, and the next segment if it is being prefetched.
    Postgres(Option<Ahead>),
    /// Rows borrowed from SQLite's own pages, read in a section that may block the thread.
    Sqlite(Connection),
}

/// A segment that is prefetched while the previous one is encoded, so that neither the server nor
/// the export waits for the other between segments. Its start is a guess until that one ends.
struct Ahead {
    after: Vec<Part>,
    limit: u64,
    rows: Rows,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        core: &Arc<Core>,
        organization_id: Uuid,
        source: &'a AuditLogs,
    ) -> Result<Self, Error> {
        let connection = match core.db.engine() {
            Engine::Postgres => Reading::Postgres(None),
            Engine::Sqlite => Reading::Sqlite(sqlite::open_reader(&sqlite::file(core.db.bulk()))?),
        };
        let keyset = audit::order_keys(organization_id, &source.filter, source.order_by);
        let (core, buffers) = (Arc::clone(core), BufferPool::default());
        Ok(Self { core, organization_id, source, keyset, connection, buffers })
    }

    /// Returns the number of rows to read next, given the rows and bytes of the last segment.
    ///
    /// Segments are small enough not to hold a snapshot open for long nor, on SQLite, much memory;
    /// and large enough for the cost of starting a query not to matter, which is lower on SQLite.
    /// The first one has [`MIN_SEGMENT_ROWS`] rows, since they may be long.
    pub(super) fn segment(&self, last: Option<(u64, u64)>) -> u64 {
        let (bytes, most) = match self.connection {
            Reading::Postgres(_) => (4 * 1024 * 1024, 50_000),
            Reading::Sqlite(_) => (256 * 1024, 10_000),
        };
        last.map_or(MIN_SEGMENT_ROWS, |(rows, size)| {
            (bytes * rows / size.max(1)).clamp(MIN_SEGMENT_ROWS, most)
        })
    }

    /// Reads a segment of about `limit` rows, and at most `left`, through `sink` to `output`.
    pub(super) async fn read<E: Encoder>(
        &mut self,
        limit: u64,
        left: u64,
        sink: &mut Sink<E>,
        output: &mut Output<'_>,
    ) -> Result<(), AttemptError> {
        match &mut self.connection {
            Reading::Postgres(_) => self.copy(limit, left, sink, output).await?,
            Reading::Sqlite(_) => self.step(limit.min(left), sink).await?,
        }
        output.drain(sink).await
    }

    async fn copy<E: Encoder>(
        &mut self,
        limit: u64,
        left: u64,
        sink: &mut Sink<E>,
        output: &mut Output<'_>,
    ) -> Result<(), AttemptError> {
        let key = sink.key();
        let ahead = self.take_ahead().filter(|ahead| Some(&ahead.after) == key.as_ref());
        let (read, mut rows) = match ahead {
            Some(ahead) => (ahead.limit, ahead.rows),
            None => {
                let read = limit.min(left);
                (read, Rows::begin(&self.core, &self.statement(key, read), &self.buffers)?)
            }
        };
        self.look_ahead(sink.key_after(read), limit.min(left.saturating_sub(read)))?;
        while rows.next(sink).await? {
            output.offer(sink).await?;
        }
        Ok(())
    }

    fn take_ahead(&mut self) -> Option<Ahead> {
        match &mut self.connection {
            Reading::Postgres(ahead) => ahead.take(),
            Reading::Sqlite(_) => None,
        }
    }

    /// Starts to prefetch `limit` rows after the guessed key `after`, if there is a guess and a
    /// connection is available. Keys can be guessed only for a log that is exported without a
    /// filter.
    fn look_ahead(&mut self, after: Option<Vec<Part>>, limit: u64) -> Result<(), Error> {
        let pool = self.core.db.bulk().get_postgres_connection_pool();
        let is_room = pool.num_idle() > 0 || pool.size() < Database::BULK_CONNECTIONS;
        if limit == 0 || !is_room || self.source.filter != audit::Filter::default() {
            return Ok(());
        }
        let Some(after) = after else { return Ok(()) };
        let statement = self.statement(Some(after.clone()), limit);
        let rows = Rows::begin(&self.core, &statement, &self.buffers)?;
        self.connection = Reading::Postgres(Some(Ahead { after, limit, rows }));
        Ok(())
    }

    async fn step<E: Encoder>(&mut self, limit: u64, sink: &mut Sink<E>) -> Result<(), Error> {
        let statement = self.statement(sink.key(), limit);
        // A slot among the jobs' readers, to limit how many read at once.
        let pool = self.core.db.bulk().get_sqlite_connection_pool();
        let place = pool.acquire().await;
        let _place = place.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        let Reading::Sqlite(connection) = &self.connection else { return Ok(()) };
        tokio::task::block_in_place(|| sqlite(connection, &statement, sink))
    }

    /// Returns a statement that selects the next `limit` rows after `key`.
    fn statement(&self, key: Option<Vec<Part>>, limit: u64) -> Statement {
        let AuditLogs { filter, through, .. } = self.source;
        let rows = audit::rows_after(&self.keyset, self.organization_id, filter, *through, key);
        let backend = self.core.db.bulk().get_database_backend();
        let rows = rows.select(Direction::Forward, limit, backend);
        rows.select_only().columns(COLUMNS.iter().map(|column| column.stored)).build(backend)
    }
}

fn sqlite<E: Encoder>(
    connection: &Connection,
    statement: &Statement,
    sink: &mut Sink<E>,
) -> Result<(), Error> {
    let mut prepared = connection.prepare(&statement.sql).map_err(sqlite::fault)?;
    let values = rusqlite::params_from_iter(sqlite::values(statement)?);
    let mut rows = prepared.query(values).map_err(sqlite::fault)?;
    while let Some(row) = rows.next().map_err(sqlite::fault)? {
        sink.push(&Row::of_sqlite(sink.organization_id, row)?)?;
        if sink.encoder.is_full() {
            Handle::current().block_on(sink.encoder.write_full())?;
        }
    }
    Ok(())
}
