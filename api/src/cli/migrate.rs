//! `daybook migrate`.

use anyhow::{Context, Result};
use clap::Subcommand;
use daybook_migration::Standing;

use super::{name_database, say};
use crate::config::{Config, tighten};

#[derive(Subcommand, Debug)]
pub(super) enum Migrate {
    /// Apply the missing migrations; creates the database if there is none
    Up,
    /// Print which migrations are applied and which are missing
    Status,
}

/// Applies what is missing if asked to, and prints how each migration stands.
pub(super) async fn migrate(config: &Config, command: Migrate) -> Result<()> {
    let db = match command {
        Migrate::Up => {
            tighten(&config.places().exposed());
            let db = config.database().await?;
            let is_current =
                daybook_migration::standing(db.access().connections()).await? == Standing::Current;
            // A server that runs on it would meet another schema from one statement to the next.
            let _lock = if is_current { None } else { config.lock_database()? };
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
