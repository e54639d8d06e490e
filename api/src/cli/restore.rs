//! `daybook restore`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use daybook_service::{
    Database, Lock,
    backups::{
        Coverage,
        restore::{self, Backup},
    },
    private::Places,
};

use super::{inform, say};
use crate::config::{Config, database_name, tighten};

/// Restores `file` into the empty database at `url`, or says why not and leaves it as it was.
pub(super) async fn restore(
    config: &Config,
    file: &Path,
    url: &str,
    is_unauthenticated: bool,
) -> Result<()> {
    let secret = if is_unauthenticated { None } else { config.known_secret()? };
    let migrations = daybook_migration::names();
    let backup = restore::check(file, &migrations, secret.as_ref()).await;
    let backup = backup.with_context(|| format!("{} is not restored", file.display()))?;
    match backup.coverage {
        Coverage::Authentic => {}
        Coverage::Whole => inform(
            "the backup is whole, but without the secret that it was made with nobody can say who \
             made it",
        ),
        Coverage::OtherSecret => bail!(
            "{} was made with another secret, or changed by somebody who knew how: set \
             DAYBOOK_SECRET to the secret of the instance that made it, or give --unauthenticated",
            file.display()
        ),
    }
    let target = Places { database: Database::sqlite_file(url), ..Places::default() };
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
    inform(&format!("the database is {}", database_name(url)));
    let rows: u64 = backup.tables.iter().map(|table| table.rows).sum();
    let taken_at = backup.taken_at.to_rfc3339();
    say(&format!("restored {rows} rows of {} tables as of {taken_at}", backup.tables.len()))?;
    Ok(())
}

async fn into(url: &str, file: &Path, backup: &Backup) -> Result<()> {
    let db = Database::connect(url).await.context("--into can't be used")?;
    if !restore::is_empty(&db).await? {
        bail!("the database is not empty: name one in which there is nothing yet");
    }
    daybook_migration::up(db.for_migration()).await.context("can't make the schema")?;
    let loaded = restore::load(&db, file, backup).await;
    if loaded.is_err() {
        // As it was: empty.
        daybook_migration::down(db.for_migration()).await.context("can't undo the schema")?;
    }
    db.close().await?;
    Ok(loaded?)
}

/// Removes what was made of a SQLite database.
fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        // What is not there needs no removing.
        let _ = std::fs::remove_file(name);
    }
}
