//! Reads a snapshot of a PostgreSQL database as bytes of the file.

use futures::TryStreamExt;
use sqlx::PgConnection;

use super::{connection, copy_out, digest, fault, run, schema, without_end};
use crate::{
    Core, Engine, Result,
    backups::{
        TableDigest,
        fill_script::Part,
        markers::copy_line,
        snapshot::{PIECE_BYTES, Piece, Pieces, Start},
        tables::{BackupScope, Rows, Table, parts},
    },
};

/// Reads everything in one transaction, whose first statement takes the snapshot.
pub(in crate::backups) async fn dump(
    core: &Core,
    scope: BackupScope,
    pieces: &Pieces,
) -> Result<()> {
    let mut connection = connection(core.db.bulk()).await?;
    run(&mut connection, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let start = start(&mut connection, core, scope).await?;
    pieces.send(Piece::Start(Box::new(start))).await?;
    for part in parts(scope) {
        let digest = dump_table(&mut connection, part, pieces).await?;
        pieces.send(Piece::End { table: part.0, digest }).await?;
    }
    run(&mut connection, "COMMIT").await
}

async fn start(connection: &mut PgConnection, core: &Core, scope: BackupScope) -> Result<Start> {
    let migrations = "SELECT version FROM seaql_migrations ORDER BY version COLLATE \"C\"";
    let migrations = sqlx::query_scalar(migrations).fetch_all(&mut *connection);
    let migrations = migrations.await.map_err(fault)?;
    let taken_at = core.clock.now();
    let id = scope.head();
    let head = format!("SELECT sequence, hash FROM audit_log_heads WHERE organization_id = '{id}'");
    let head = sqlx::query_as(sqlx::AssertSqlSafe(head)).fetch_one(&mut *connection);
    let head = head.await.map_err(fault)?;
    let (prologue, epilogue) = schema::describe(connection).await?;
    let mut rows = 0;
    for (_, table, part) in parts(scope) {
        rows += count(connection, table, part).await?;
    }
    Ok(Start { taken_at, migrations, head, prologue, epilogue, rows })
}

/// Counts the selected rows of a table. The log's number is computed from heads and retentions,
/// because counting would read all of it.
async fn count(connection: &mut PgConnection, table: &Table, rows: Rows) -> Result<i64> {
    let condition = rows.condition(Engine::Postgres);
    let sql = match table.name {
        "audit_logs" => {
            format!(
                "SELECT (SELECT coalesce(sum(sequence), 0)::bigint FROM audit_log_heads{condition}) \
                 - (SELECT coalesce(sum(pruned), 0)::bigint FROM retentions{condition})"
            )
        }
        name => format!("SELECT count(*) FROM {name}{condition}"),
    };
    let count = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(connection);
    count.await.map_err(fault)
}

async fn dump_table(
    connection: &mut PgConnection,
    (index, table, rows): (usize, &Table, Rows),
    pieces: &Pieces,
) -> Result<TableDigest> {
    let mut digest = TableDigest::default();
    let (mut bytes, mut count) = (pieces.empty(), 0);
    bytes.extend_from_slice(copy_line(table).as_bytes());
    bytes.push(b'\n');
    let copy = copy_out("", table, rows);
    let mut lines = connection.copy_out_raw(&copy).await.map_err(fault)?;
    while let Some(line) = lines.try_next().await.map_err(fault)? {
        digest.add(without_end(&line)?);
        bytes.extend_from_slice(&line);
        count += 1;
        if bytes.len() >= PIECE_BYTES {
            pieces.send(Piece::Rows { table: index, bytes, rows: count }).await?;
            (bytes, count) = (pieces.empty(), 0);
        }
        tokio::task::coop::consume_budget().await;
    }
    bytes.extend_from_slice(b"\\.\n");
    pieces.send(Piece::Rows { table: index, bytes, rows: count }).await?;
    Ok(digest)
}

/// Computes the digest of each of `parts`. `schema` is the prefix of the tables' schema: it
/// ends in a dot or is empty.
pub(super) async fn digests(
    connection: &mut PgConnection,
    schema: &str,
    parts: &[Part],
) -> Result<Vec<TableDigest>> {
    let mut digests = Vec::new();
    for Part { index: _, table, rows } in parts {
        digests.push(digest(connection, schema, (table, *rows)).await?);
    }
    Ok(digests)
}
