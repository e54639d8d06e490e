//! Reading a segment, by the engine's fastest way.

use rusqlite::Connection;
use sea_orm::{DbErr, RuntimeErr, Statement};

use super::{copy, output::Output, row::Row, sink::Sink};
use crate::{Engine, Error, Instance, database::sqlite, jobs::End};

/// Fewest rows of a segment.
const FEWEST: u64 = 100;

/// Reads segments.
pub(super) enum Reader {
    /// Rows by COPY, borrowed from the connection's buffer.
    Postgres,
    /// Rows borrowed from SQLite's own pages, while nothing else waits for the thread.
    Sqlite(Connection),
}

impl Reader {
    pub(super) fn new(instance: &Instance) -> Result<Self, Error> {
        let db = instance.db.bulk();
        Ok(match instance.db.engine() {
            Engine::Postgres => Self::Postgres,
            Engine::Sqlite => Self::Sqlite(sqlite::open_reader(&sqlite::file(db))?),
        })
    }

    /// Rows of the next segment, after one of so many rows and bytes. Few, so that no snapshot is held
    /// open and, on SQLite, little is held in memory; many, so that the start of a query doesn't matter,
    /// which is nearer on SQLite. The first has the fewest, for its rows may be long.
    pub(super) fn rows(&self, last: Option<(u64, u64)>) -> u64 {
        let (bytes, most) = match self {
            Self::Postgres => (16 * 1024 * 1024, 50_000),
            Self::Sqlite(_) => (256 * 1024, 10_000),
        };
        last.map_or(FEWEST, |(rows, size)| (bytes * rows / size.max(1)).clamp(FEWEST, most))
    }

    /// Reads what `statement` selects through `sink` into `output`.
    pub(super) async fn read(
        &mut self,
        instance: &Instance,
        statement: Statement,
        sink: &mut Sink,
        output: &mut Output<'_>,
    ) -> Result<(), End> {
        match self {
            Self::Postgres => copy::read(instance, &statement, sink, output).await?,
            Self::Sqlite(connection) => {
                // A place among the readers of jobs: so many read at once.
                let pool = instance.db.bulk().get_sqlite_connection_pool();
                let place = pool.acquire().await;
                let _place = place.map_err(|error| {
                    Error::from(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
                })?;
                tokio::task::block_in_place(|| sqlite(connection, &statement, sink))?;
            }
        }
        output.drain(sink).await
    }
}

fn sqlite(connection: &Connection, statement: &Statement, sink: &mut Sink) -> Result<(), Error> {
    let mut prepared = connection.prepare(&statement.sql).map_err(sqlite::fault)?;
    let values = rusqlite::params_from_iter(sqlite::values(statement)?);
    let mut rows = prepared.query(values).map_err(sqlite::fault)?;
    while let Some(row) = rows.next().map_err(sqlite::fault)? {
        sink.push(&Row::of_sqlite(row)?)?;
    }
    Ok(())
}
