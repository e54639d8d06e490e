//! Restores a file into an empty database of either engine.
//!
//! The file is read twice: first to check all of it before anything is touched, then to load its
//! rows into a database whose schema the caller has migrated. Nothing in the file is executed. All
//! rows are loaded in one transaction, which is committed only if the tables then match the
//! manifest.

use std::path::Path;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};
use tokio::io::AsyncReadExt;

use super::{
    Coverage, RestoreError, TableDigest, TableSummary,
    batch::Batches,
    decompress::Decompressor,
    fill_script::{FillScript, clear, mark},
    manifest::Manifest,
    plan::summaries,
    postgres,
    reader::{Checked, Reader},
    sqlite,
    tables::parts,
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
}

/// Reads and checks the whole file, also against `secret` if there is one. `migrations` are the
/// names of this build's migrations.
///
/// # Errors
/// The reason if the file can't be restored; a fault if it can't be read.
pub async fn check(path: &Path, migrations: &[String], secret: Option<&Secret>) -> Result<Backup> {
    let mut reader = Reader::new();
    read(path, async |chunk| reader.push(chunk).map(drop).map_err(refused)).await?;
    let Checked { manifest, coverage } = reader.finish(secret).map_err(refused)?;
    if manifest.migrations != migrations {
        let of = |names: &[String]| names.last().cloned().unwrap_or_default();
        let (theirs, ours) = (of(&manifest.migrations), of(migrations));
        return Err(refused(RestoreError::file(&format!(
            "its schema is that of {theirs}, this version's is that of {ours}: restore it with the \
             version that made it, and upgrade then"
        ))));
    }
    let tables = summaries(&manifest.tables);
    Ok(Backup { coverage, taken_at: manifest.taken_at, tables, manifest })
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

/// Loads the file's rows into a database that has been migrated but holds no data yet.
///
/// # Errors
/// The reason if the file is no longer the one that was checked; a database fault. Rows are
/// committed only if all tables match the manifest that was checked.
pub async fn load(db: &Database, path: &Path, backup: &Backup) -> Result<()> {
    let mut reader = Reader::new();
    let (sender, batches) = reader.batches();
    let filling = fill(db, backup.manifest.clone(), batches);
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

async fn fill(db: &Database, manifest: Manifest, batches: Batches) -> Result<()> {
    let (engine, scope) = (db.engine(), manifest.scope);
    let epilogue = mark(engine, manifest.job, manifest.taken_at);
    let script = FillScript { scope, prologue: clear(engine, scope), epilogue };
    let check = move |digests: Vec<TableDigest>| {
        let found: Vec<_> = parts(scope).map(|(index, ..)| index).zip(digests).collect();
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
