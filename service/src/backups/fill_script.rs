//! Statements that fill a database, besides the rows of a backup.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::tables::{BackupScope, Rows, Table, parts};
use crate::Engine;

/// Statements to run before and after the rows that fill a database.
#[derive(Clone, Debug)]
pub(super) struct FillScript {
    /// Tables of the backup. Only these rows and columns are compared.
    pub(super) parts: Vec<Part>,
    /// Statements to run before the rows are inserted.
    pub(super) prologue: String,
    /// Statements to run after the rows are inserted.
    pub(super) epilogue: String,
}

/// A table of a backup, with the file's columns, and the rows of it that the backup contains.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) index: usize,
    pub(super) table: Arc<Table>,
    pub(super) rows: Rows,
}

/// Returns the parts of a backup of this build's schema.
pub(super) fn all_parts(scope: BackupScope) -> Vec<Part> {
    let part = |(index, table, rows): (usize, &Table, Rows)| Part {
        index,
        table: Arc::new(table.clone()),
        rows,
    };
    parts(scope).map(part).collect()
}

/// Returns statements that insert what a database needs besides the rows of its only organization:
/// the rows that the first migration inserts into an empty database.
pub(super) fn seeds(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "INSERT INTO organizations (id, slug, name, created_at) VALUES
(zeroblob(16), 'instance', 'This instance', strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'));
INSERT INTO audit_log_heads (organization_id, sequence, hash, edge) VALUES
(zeroblob(16), 0, zeroblob(32), zeroblob(0));
INSERT INTO job_feed (id, feed, pruned) VALUES (1, 0, 0);
"
        }
        Engine::Postgres => {
            "INSERT INTO organizations (id, slug, name, created_at) VALUES
('00000000-0000-0000-0000-000000000000', 'instance', 'This instance', clock_timestamp());
INSERT INTO audit_log_heads (organization_id, sequence, hash, edge) VALUES
('00000000-0000-0000-0000-000000000000', 0, decode(repeat('00', 32), 'hex'), '');
INSERT INTO job_feed (id, feed, pruned) VALUES (1, 0, 0);
"
        }
    }
}

/// Returns statements that delete what migrations inserted into the tables that `parts` fill.
pub(super) fn clear(engine: Engine, parts: &[Part]) -> String {
    let delete = |Part { index: _, table, rows }: &Part| {
        format!("DELETE FROM {}{};\n", table.name, rows.condition(engine))
    };
    parts.iter().rev().map(delete).collect()
}

/// Returns the statement that records the restore and its backup, for the next start of Daybook on
/// the database.
pub(super) fn mark(engine: Engine, job: Uuid, taken_at: DateTime<Utc>) -> String {
    let (job, taken_at) = match engine {
        Engine::Sqlite => {
            let taken_at = taken_at.to_rfc3339_opts(SecondsFormat::AutoSi, false);
            (format!("X'{}'", crate::hex(job.as_bytes())), taken_at)
        }
        Engine::Postgres => {
            (format!("'{job}'"), taken_at.to_rfc3339_opts(SecondsFormat::Micros, true))
        }
    };
    format!("INSERT INTO restores (job_id, taken_at) VALUES ({job}, '{taken_at}');\n")
}
