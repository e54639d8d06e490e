//! `daybook restore`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use daybook_service::{
    Database, Lock,
    backups::{
        Coverage,
        restore::{self, Backup},
    },
    private::PrivatePaths,
};

use super::{output::say, report::inform};
use crate::config::{Config, database_name, tighten};

/// Restores `file` into the empty database at `url`. If that fails, the database stays empty.
pub(super) async fn restore(
    config: &Config,
    file: &Path,
    url: &str,
    is_unauthenticated: bool,
) -> Result<()> {
    let secret = if is_unauthenticated { None } else { config.known_secret()? };
    let migrations = daybook_migration::names();
    let backup = restore::check(file, &migrations, secret.as_ref()).await;
    let backup = backup.with_context(|| format!("can't restore {}", file.display()))?;
    match backup.coverage {
        Coverage::Authentic => {}
        Coverage::Whole => inform(
            "the backup is complete, but its origin is not verified: that needs the secret of the \
             instance that made it",
        ),
        Coverage::OtherSecret => bail!(
            "{} was made with another secret, or was tampered with: set DAYBOOK_SECRET to the secret of \
             the instance that made it, or use --unauthenticated to restore it anyway",
            file.display()
        ),
    }
    let target = PrivatePaths { database: Database::sqlite_file(url), ..PrivatePaths::default() };
    tighten(&target.resolved().exposed());
    let _lock = Database::sqlite_file(url).map(|file| Lock::take(&file)).transpose()?;
    let new_file = Database::sqlite_file(url).filter(|file| !file.exists());
    let restored = into(url, file, &backup).await;
    if restored.is_err()
        && let Some(path) = new_file
    {
        remove(&path);
    }
    restored?;
    inform(&format!("using the database {}", database_name(url)));
    let rows: u64 = backup.tables.iter().map(|table| table.rows).sum();
    let taken_at = backup.taken_at.to_rfc3339();
    say(&format!("restored {rows} rows of {} tables as of {taken_at}", backup.tables.len()))?;
    Ok(())
}

async fn into(url: &str, file: &Path, backup: &Backup) -> Result<()> {
    let db = Database::connect(url).await.context("--into can't be used")?;
    if !restore::is_empty(&db).await? {
        bail!("the target database is not empty: name an empty one with --into");
    }
    let loaded = load(&db, file, backup).await;
    if loaded.is_err() {
        // Leaves the database empty, as it was.
        daybook_migration::down(db.for_migration()).await.context("can't undo the schema")?;
    }
    db.close().await?;
    loaded
}

/// Creates the backup's schema, loads its rows, and migrates them to this version's schema.
async fn load(db: &Database, file: &Path, backup: &Backup) -> Result<()> {
    let connections = db.for_migration();
    let created = daybook_migration::up_to(connections, backup.migrations()).await;
    created.context("can't create the schema")?;
    restore::load(db, file, backup).await?;
    daybook_migration::up(connections).await.context("can't migrate the backup's schema")
}

/// Removes the files of a SQLite database that this command has created.
fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        // The file may not exist.
        let _ = std::fs::remove_file(name);
    }
}
