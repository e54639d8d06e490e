//! `daybook migrate`.

use anyhow::{Context, Result};
use clap::Subcommand;

use super::say;
use crate::config::{Config, tighten};

#[derive(Subcommand, Debug)]
pub(super) enum Migrate {
    /// Apply what is missing
    Up,
    /// Tell what is applied and what is missing
    Status,
}

/// Applies what is missing where it is to, and prints how each migration stands.
pub(super) async fn migrate(config: &Config, command: Migrate) -> Result<()> {
    if let Migrate::Up = command {
        tighten(&config.places().exposed());
    }
    let db = config.database().await?;
    if let Migrate::Up = command {
        daybook_migration::up(db.for_migration()).await.context("can't migrate the database")?;
    }
    for step in daybook_migration::status(db.for_migration()).await? {
        say(&format!("{} {}", if step.is_applied { "applied" } else { "missing" }, step.name))?;
    }
    Ok(db.close().await?)
}
