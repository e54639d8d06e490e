//! `daybook secret`.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use daybook_service::{Clock, Instance};

use super::{caller::viewer, close, inform, name_database, open, say};
use crate::config::{Config, new_secret, replace_secret};

#[derive(Subcommand, Debug)]
pub(super) enum SecretCommand {
    /// Make a new secret, which signs from the next start of each process on
    Rotate {
        /// Time for which tokens, links and cursors that were signed before go on working; API keys always do
        #[arg(long, default_value = "24h", value_parser = humantime::parse_duration)]
        keep_previous_for: Duration,
        /// Print the new secret and the previous ones, for whoever keeps them elsewhere, and write nothing
        #[arg(long)]
        print: bool,
    },
    /// Go on with a new secret after the first one was lost
    ///
    /// Tokens, download links, cursors and continuations that were given out stop working, and API keys
    /// are revoked: make new ones. Backups that were made before restore with --unauthenticated only.
    /// Organizations, members, notes and the log with its hashes stay as they are.
    Adopt {
        /// Do it: without this, nothing is changed
        #[arg(long)]
        accept_loss: bool,
    },
}

/// Replaces the secret, or takes another one after a loss.
pub(super) async fn secret(config: &Config, command: SecretCommand) -> Result<()> {
    match command {
        SecretCommand::Rotate { keep_previous_for, print: true } => {
            say(rotated(config, keep_previous_for).await?.trim_end())
        }
        SecretCommand::Rotate { keep_previous_for, print: false } => {
            let Some(file) = config.secret_file() else {
                bail!(
                    "DAYBOOK_SECRET holds the secret, which only you can change: `daybook secret rotate \
                     --print` prints what to set it to"
                );
            };
            // Before the folder is looked for, which may be the wrong one.
            config.existing_database().await?.close().await?;
            let _turn = turn(&file)?;
            let text = rotated(config, keep_previous_for).await?;
            replace_secret(&file, &text)?;
            // Binds the database to the new one, which the instance's log tells.
            close(config, &*open(config).await?).await?;
            inform(&format!(
                "{} holds a new secret. Copy it to all nodes and restart every `daybook serve` and \
                 `daybook worker` now: until then they refuse what the new one signs",
                file.display()
            ));
            Ok(())
        }
        SecretCommand::Adopt { accept_loss } => {
            if !accept_loss {
                bail!(
                    "tokens, links and cursors given out so far would stop working, and all API keys \
                     be revoked: nothing was changed. If the first secret is lost for good, add \
                     --accept-loss"
                );
            }
            adopt(config).await
        }
    }
}

/// Takes the turn at a secret's folder: of two that rotate at once, one would take the other's secret
/// away.
fn turn(secret: &Path) -> Result<File> {
    let secret = fs::canonicalize(secret).unwrap_or_else(|_| secret.to_owned());
    let folder = secret.parent().unwrap_or(Path::new("."));
    let opened = File::open(folder).with_context(|| format!("can't use {}", folder.display()))?;
    match opened.try_lock() {
        Ok(()) => Ok(opened),
        Err(TryLockError::WouldBlock) => {
            bail!("another `daybook secret rotate` is under way in {}", folder.display())
        }
        Err(TryLockError::Error(error)) => Err(error).context("can't take the turn at the secret"),
    }
}

/// The text of the secret that follows the one that the database is bound to.
async fn rotated(config: &Config, keep: Duration) -> Result<String> {
    let instance = open(config).await?;
    let now = instance.clock.now();
    let text = instance.secret.rotated(&new_secret(), keep, now).map_err(anyhow::Error::msg);
    instance.stop().await?;
    text
}

async fn adopt(config: &Config) -> Result<()> {
    let settings = config.settings()?;
    let db = config.existing_database().await?;
    let secret = match config.known_secret()? {
        Some(secret) => secret,
        None => config.make_secret()?,
    };
    let viewer = viewer(config)?;
    let store = config.store()?;
    let adopted = Instance::adopt(db, secret, store, settings, Clock::default(), &viewer).await;
    let revoked = adopted?;
    name_database(&config.database_name());
    inform(&format!(
        "the database is bound to the secret that is set now; {revoked} API keys were revoked. Make \
         new tokens and keys, and restart every `daybook serve` and `daybook worker`"
    ));
    Ok(())
}
