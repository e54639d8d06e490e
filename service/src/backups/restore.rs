//! Restores a file into an empty database of either engine.
//!
//! The file is read twice: first to check all of it before anything is touched, then to load its
//! rows into a database whose schema the caller has migrated as far as the file's. Nothing in the file is executed. All
//! rows are loaded in one transaction, which is committed only if the tables then match the
//! manifest.

use std::{path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};
use tokio::io::AsyncReadExt;

use super::{
    Coverage, RestoreError, TableDigest, TableSummary,
    batch::Batches,
    decompress::Decompressor,
    fill_script::{FillScript, Part, clear, mark},
    manifest::Manifest,
    plan::summaries,
    postgres,
    reader::{Checked, Reader},
    sqlite,
    tables::{self, Table},
};
use crate::{Database, Engine, Error, Fault, Result, Secret};

/// Number of bytes that are read from the file at once.
const READ_BYTES: usize = 256 * 1024;

/// A checked file that can be restored.
#[derive(Debug)]
pub struct Backup {
    /// Extent to which the file could be checked.
    pub coverage: Coverage,
    /// Time at which the backup's snapshot was taken.
    pub taken_at: DateTime<Utc>,
    /// Tables in the backup.
    pub tables: Vec<TableSummary>,
    manifest: Manifest,
    parts: Vec<Part>,
}

impl Backup {
    /// Returns the names of the migrations that made the backup's schema: the first of this build's,
    /// or all.
    #[must_use]
    pub fn migrations(&self) -> &[String] {
        &self.manifest.migrations
    }
}

/// Reads and checks the whole file, also against `secret` if there is one. `migrations` are the
/// names of this build's migrations.
///
/// # Errors
/// The reason if the file can't be restored; a fault if it can't be read.
pub async fn check(path: &Path, migrations: &[String], secret: Option<&Secret>) -> Result<Backup> {
    let mut reader = Reader::new();
    read(path, async |chunk| reader.push(chunk).map(drop).map_err(refused)).await?;
    let Checked { manifest, coverage, tables } = reader.finish(secret).map_err(refused)?;
    check_schema(&manifest, migrations).map_err(refused)?;
    let is_earlier = manifest.migrations.len() < migrations.len();
    let parts = parts(&manifest, &tables, is_earlier).map_err(refused)?;
    let tables = summaries(&manifest.tables);
    Ok(Backup { coverage, taken_at: manifest.taken_at, tables, manifest, parts })
}

/// Fails unless the schema of the backup is this build's or an earlier one.
fn check_schema(manifest: &Manifest, migrations: &[String]) -> Result<(), RestoreError> {
    let theirs = &manifest.migrations;
    let newer: Vec<_> = theirs.iter().filter(|name| !migrations.contains(name)).cloned().collect();
    if !newer.is_empty() {
        return Err(RestoreError::file(&format!(
            "its schema is newer than this version of Daybook, which does not know {}: restore it with \
             the version that made it, or a later one",
            newer.join(", ")
        )));
    }
    if theirs.is_empty() || !migrations.starts_with(theirs) {
        let message = "its schema lacks migrations that come before others which it has";
        return Err(RestoreError::file(message));
    }
    Ok(())
}

/// Returns the tables of a backup with the file's columns, which are all of them unless the schema
/// is an earlier one.
fn parts(
    manifest: &Manifest,
    tables: &[Option<Arc<Table>>],
    is_earlier: bool,
) -> Result<Vec<Part>, RestoreError> {
    let mut parts = Vec::with_capacity(manifest.tables.len());
    for (index, table, rows) in tables::parts(manifest.scope) {
        if !manifest.tables.iter().any(|(known, _)| *known == index) {
            continue;
        }
        let table = match &tables[index] {
            Some(found) if !is_earlier && found.column_names() != table.column_names() => {
                return Err(RestoreError::table(table, "the file does not have all its columns"));
            }
            Some(found) => Arc::clone(found),
            // The file has no rows of it, and does not name its columns.
            None => Arc::new(table.with_first_column()),
        };
        parts.push(Part { index, table, rows });
    }
    Ok(parts)
}

/// True if the database has no tables or other objects yet.
///
/// # Errors
/// A database fault.
pub async fn is_empty(db: &Database) -> Result<bool> {
    let sql = match db.engine() {
        Engine::Sqlite => "SELECT count(*) AS objects FROM sqlite_schema",
        Engine::Postgres => {
            "SELECT count(*) AS objects FROM pg_class AS c
             WHERE c.relnamespace = current_schema()::regnamespace AND NOT EXISTS (
                 SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')"
        }
    };
    let db = db.for_migration();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let objects: i64 = row.map_or(Ok(0), |row| row.try_get("", "objects"))?;
    Ok(objects == 0)
}

/// Loads the file's rows into a database that has been migrated as far as [`Backup::migrations`] but
/// holds no data yet. Columns that the file does not have get their defaults.
///
/// # Errors
/// The reason if the file is no longer the one that was checked; a database fault. Rows are
/// committed only if all tables match the manifest that was checked.
pub async fn load(db: &Database, path: &Path, backup: &Backup) -> Result<()> {
    let mut reader = Reader::new();
    let (sender, batches) = reader.batches();
    let filling = fill(db, backup, batches);
    let sending = async move {
        read(path, async |chunk| {
            for batch in reader.push(chunk).map_err(refused)? {
                sender.send(batch).await.map_err(|_| Error::from(Fault::Stopping))?;
            }
            Ok(())
        })
        .await
    };
    // If filling failed, its error is the cause; the sender only sees that the receiver is gone.
    let (filled, sent) = tokio::join!(filling, sending);
    filled?;
    sent
}

async fn fill(db: &Database, backup: &Backup, batches: Batches) -> Result<()> {
    let (engine, manifest, parts) = (db.engine(), backup.manifest.clone(), backup.parts.clone());
    let prologue = clear(engine, &parts);
    let epilogue = mark(engine, manifest.job, manifest.taken_at);
    let indices: Vec<_> = parts.iter().map(|part| part.index).collect();
    let script = FillScript { parts, prologue, epilogue };
    let check = move |digests: Vec<TableDigest>| {
        let found: Vec<_> = indices.into_iter().zip(digests).collect();
        manifest.compare(&found, "the restored copy").map_err(refused)
    };
    match engine {
        Engine::Sqlite => {
            let file = sqlite::file(db.bulk());
            let filling = move || sqlite::fill::restore(&file, &script, batches, check);
            tokio::task::spawn_blocking(filling).await.map_err(Fault::Task)?
        }
        Engine::Postgres => postgres::fill::restore(db.bulk(), &script, batches, check).await,
    }
}

/// Reads and decompresses the file, and passes its content to `take` piece by piece.
async fn read(path: &Path, mut take: impl AsyncFnMut(&[u8]) -> Result<()>) -> Result<()> {
    let cannot = |source| Fault::Io { context: format!("can't read {}", path.display()), source };
    let mut file = tokio::fs::File::open(path).await.map_err(cannot)?;
    let (mut chunk, mut plain) = (vec![0; READ_BYTES], Decompressor::new());
    loop {
        let length = file.read(&mut chunk).await.map_err(cannot)?;
        if length == 0 {
            return plain.finish().map_err(refused);
        }
        let bytes = plain.push(&chunk[..length]).map_err(refused)?;
        take(bytes).await?;
    }
}

fn refused(error: RestoreError) -> Error {
    Error::invalid(&[], error.to_string())
}
