//! Reading a segment, by the engine's fastest way.

use rusqlite::Connection;
use sea_orm::{DbErr, RuntimeErr, Statement};

use super::{copy, row::Row, sink::Sink};
use crate::{Engine, Instance, Result, database::sqlite};

/// Reads segments.
pub(super) enum Reader {
    /// Rows by COPY, borrowed from the connection's buffer.
    Postgres,
    /// Rows borrowed from SQLite's own pages, while nothing else waits for the thread.
    Sqlite(Connection),
}

impl Reader {
    pub(super) fn new(instance: &Instance) -> Result<Self> {
        let db = instance.db.bulk();
        Ok(match instance.db.engine() {
            Engine::Postgres => Self::Postgres,
            Engine::Sqlite => Self::Sqlite(sqlite::open_reader(&sqlite::file(db))?),
        })
    }

    /// Bytes that a segment aims at: few, so that no snapshot is held open and little is held in
    /// memory; many, so that the start of a query doesn't matter, which is nearer on SQLite.
    pub(super) fn segment(&self) -> u64 {
        match self {
            Self::Postgres => 2 * 1024 * 1024,
            Self::Sqlite(_) => 256 * 1024,
        }
    }

    /// Reads what `statement` selects into `sink`.
    pub(super) async fn read(
        &mut self,
        instance: &Instance,
        statement: Statement,
        sink: &mut Sink,
    ) -> Result<()> {
        match self {
            Self::Postgres => copy::read(instance, &statement, sink).await,
            Self::Sqlite(connection) => {
                // A place among the readers of jobs: so many read at once.
                let pool = instance.db.bulk().get_sqlite_connection_pool();
                let place = pool.acquire().await;
                let _place =
                    place.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
                Ok(tokio::task::block_in_place(|| sqlite(connection, &statement, sink))?)
            }
        }
    }
}

fn sqlite(connection: &Connection, statement: &Statement, sink: &mut Sink) -> Result<()> {
    let mut prepared = connection.prepare(&statement.sql).map_err(sqlite::fault)?;
    let values = rusqlite::params_from_iter(sqlite::values(statement)?);
    let mut rows = prepared.query(values).map_err(sqlite::fault)?;
    while let Some(row) = rows.next().map_err(sqlite::fault)? {
        sink.push(&Row::of_sqlite(row)?)?;
    }
    Ok(())
}
