//! `daybook migrate`.

use anyhow::{Context, Result};
use clap::Subcommand;
use daybook_migration::SchemaStatus;
use daybook_service::{Database, Lock};
use tokio::time::{Duration, Instant};

use super::{instance::name_database, output::say};
use crate::config::{Config, tighten};

#[derive(Subcommand, Debug)]
pub(super) enum Migrate {
    /// Apply the missing migrations; creates the database if there is none
    Up,
    /// Print each migration and its state: applied or missing
    Status,
}

/// Maximum wait for a migration that another process is running.
const MAX_MIGRATION_WAIT: Duration = Duration::from_secs(10);

/// Locks a SQLite database before its schema changes, since the change would break a server that is
/// running on it. Waits for a migration in another process, after which nothing is left to change.
async fn lock_unless_current(config: &Config, db: &Database) -> Result<Option<Lock>> {
    let deadline = Instant::now() + MAX_MIGRATION_WAIT;
    loop {
        if daybook_migration::schema_status(db.access().connections()).await?
            == SchemaStatus::Current
        {
            return Ok(None);
        }
        match config.lock_database() {
            Err(_) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            locked => return locked,
        }
    }
}

/// Applies missing migrations for `up`, and prints the state of each migration.
pub(super) async fn migrate(config: &Config, command: Migrate) -> Result<()> {
    let db = match command {
        Migrate::Up => {
            tighten(&config.paths().exposed());
            let db = config.database().await?;
            let _lock = lock_unless_current(config, &db).await?;
            daybook_migration::up(db.for_migration())
                .await
                .context("can't migrate the database")?;
            db
        }
        Migrate::Status => config.database_with_schema().await?,
    };
    for step in daybook_migration::status(db.for_migration()).await? {
        say(&format!("{} {}", if step.is_applied { "applied" } else { "missing" }, step.name))?;
    }
    db.close().await?;
    name_database(&config.database_name());
    Ok(())
}
