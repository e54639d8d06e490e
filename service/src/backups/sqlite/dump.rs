//! Reads a snapshot of a SQLite database as bytes of the file.

use std::sync::mpsc;

use rusqlite::Connection;

use super::{fault, file, open_reader, render, schema, select};
use crate::{
    Core, Engine, Result,
    backups::{
        TableDigest,
        markers::insert_line,
        snapshot::{PIECE_BYTES, Piece, Pieces, Start, gone},
        tables::{BackupScope, Rows, Table, parts},
    },
    buffer_pool::BufferPool,
};

/// Approximate size of one INSERT in bytes: large enough that the cost per statement is negligible,
/// small enough that a client doesn't need much memory.
const STATEMENT_BYTES: usize = 32 * 1024;

/// Reads everything in one read transaction, which neither waits for writers nor blocks them.
pub(in crate::backups) fn dump(core: &Core, scope: BackupScope, pieces: &Pieces) -> Result<()> {
    let db = open_reader(&file(core.db.bulk()))?;
    db.execute_batch("BEGIN").map_err(fault)?;
    let start = start(&db, core, scope)?;
    pieces.blocking_send(Piece::Start(Box::new(start)))?;
    for (index, table, rows) in parts(scope) {
        let digest = dump_table(&db, (index, table, rows), pieces)?;
        pieces.blocking_send(Piece::End { table: index, digest })?;
    }
    db.execute_batch("COMMIT").map_err(fault)
}

fn start(db: &Connection, core: &Core, scope: BackupScope) -> Result<Start> {
    let mut migrations =
        db.prepare("SELECT version FROM seaql_migrations ORDER BY version").map_err(fault)?;
    let migrations = migrations.query_map([], |row| row.get(0)).map_err(fault)?;
    let migrations = migrations.collect::<Result<_, _>>().map_err(fault)?;
    let taken_at = core.clock.now();
    let id = scope.head().into_bytes();
    let head = "SELECT sequence, hash FROM audit_log_heads WHERE organization_id = ?1";
    let head = db.query_row(head, [id], |row| Ok((row.get(0)?, row.get(1)?))).map_err(fault)?;
    let (prologue, epilogue) = schema::describe(db)?;
    let mut rows = 0;
    for (_, table, part) in parts(scope) {
        rows += count(db, table, part)?;
    }
    Ok(Start { taken_at, migrations, head, prologue, epilogue, rows })
}

/// Counts the selected rows of a table. The log's number is computed from heads and retentions,
/// because counting would read all of it.
fn count(db: &Connection, table: &Table, rows: Rows) -> Result<i64> {
    let condition = rows.condition(Engine::Sqlite);
    let sql = match table.name {
        "audit_logs" => {
            format!(
                "SELECT (SELECT coalesce(sum(sequence), 0) FROM audit_log_heads{condition}) \
                 - (SELECT coalesce(sum(pruned), 0) FROM retentions{condition})"
            )
        }
        name => format!("SELECT count(*) FROM {name}{condition}"),
    };
    db.query_row(&sql, [], |row| row.get(0)).map_err(fault)
}

/// Renders a table's rows while another thread computes their digest, because hashing takes a third
/// of the time.
fn dump_table(
    db: &Connection,
    part: (usize, &Table, Rows),
    pieces: &Pieces,
) -> Result<TableDigest> {
    let buffers = BufferPool::default();
    std::thread::scope(|scope| {
        let (lines, to_count) = mpsc::sync_channel(2);
        let counting = scope.spawn(|| count_lines(to_count, &buffers));
        let rendered = render_table(db, part, pieces, (&lines, &buffers));
        drop(lines);
        let digest = counting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        rendered.map(|()| digest)
    })
}

/// Computes the digest of the canonical lines in `received`.
fn count_lines(received: mpsc::Receiver<Vec<u8>>, buffers: &BufferPool) -> TableDigest {
    let mut digest = TableDigest::default();
    for lines in received {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            digest.add(&line[..line.len() - 1]);
        }
        buffers.give_back(lines);
    }
    digest
}

fn render_table(
    db: &Connection,
    (index, table, rows): (usize, &Table, Rows),
    pieces: &Pieces,
    (counter, buffers): (&mpsc::SyncSender<Vec<u8>>, &BufferPool),
) -> Result<()> {
    let mut statement = db.prepare(&select(table, rows)).map_err(fault)?;
    let mut found = statement.query([]).map_err(fault)?;
    let insert = insert_line(table);
    let mut lines = buffers.take(STATEMENT_BYTES);
    let (mut bytes, mut begun, mut count) = (pieces.empty(), 0, 0);
    let (mut is_open, mut all) = (false, 0);
    while let Some(row) = found.next().map_err(fault)? {
        if is_open && bytes.len() - begun >= STATEMENT_BYTES {
            bytes.extend_from_slice(b";\n");
            is_open = false;
            counter.send(lines).map_err(|_| gone())?;
            lines = buffers.take(STATEMENT_BYTES);
            if bytes.len() >= PIECE_BYTES {
                pieces.blocking_send(Piece::Rows { table: index, bytes, rows: count })?;
                bytes = pieces.empty();
                count = 0;
            }
        }
        if is_open {
            bytes.extend_from_slice(b",\n(");
        } else {
            begun = bytes.len();
            bytes.extend_from_slice(insert.as_bytes());
            bytes.extend_from_slice(b"\n(");
            is_open = true;
        }
        all += 1;
        render(row, table, &mut lines, Some(&mut bytes))
            .map_err(|unfit| unfit.of(table, all, &lines))?;
        bytes.push(b')');
        lines.push(b'\n');
        count += 1;
    }
    if is_open {
        bytes.extend_from_slice(b";\n");
    }
    counter.send(lines).map_err(|_| gone())?;
    pieces.blocking_send(Piece::Rows { table: index, bytes, rows: count })
}
