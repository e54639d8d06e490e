//! `daybook secret`.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use daybook_service::{Clock, Instance};

use super::{
    caller::viewer,
    instance::{close, name_database, open},
    output::say,
    report::inform,
};
use crate::config::{Config, new_secret, replace_secret};

#[derive(Subcommand, Debug)]
pub(super) enum SecretCommand {
    /// Generate a new secret, which each process uses after its next start
    Rotate {
        /// Time for which tokens, links and cursors signed with the old secret keep working; API keys always do
        #[arg(long, default_value = "24h", value_parser = humantime::parse_duration)]
        keep_previous_for: Duration,
        /// Print the new secret and the previous ones instead of writing them, if you keep the secret elsewhere
        #[arg(long)]
        print: bool,
    },
    /// Continue with a new secret after the old one was lost
    ///
    /// Existing tokens, download links, cursors and continuations stop working, and all API keys are
    /// revoked: create new ones. Earlier backups can only be restored with --unauthenticated.
    /// Organizations, members, notes and the audit log with its hashes are not affected.
    Adopt {
        /// Confirm the loss; without this option, nothing is changed
        #[arg(long)]
        accept_loss: bool,
    },
}

/// Rotates the secret, or adopts another one after a loss.
pub(super) async fn secret(config: &Config, command: SecretCommand) -> Result<()> {
    match command {
        SecretCommand::Rotate { keep_previous_for, print: true } => {
            say(rotated(config, keep_previous_for).await?.trim_end())
        }
        SecretCommand::Rotate { keep_previous_for, print: false } => {
            let Some(file) = config.secret_file() else {
                bail!(
                    "DAYBOOK_SECRET sets the secret, so this command can't change it: set DAYBOOK_SECRET \
                     to what `daybook secret rotate --print` prints"
                );
            };
            // Checked before the secret's folder is used, which may be the wrong one.
            config.existing_database().await?.close().await?;
            let _turn = turn(&file)?;
            let text = rotated(config, keep_previous_for).await?;
            replace_secret(&file, &text)?;
            // Binds the database to the new secret, and records that in the instance's log.
            close(config, &*open(config).await?).await?;
            inform(&format!(
                "{} holds a new secret. Copy it to all nodes and restart every `daybook serve` and \
                 `daybook worker` now; until then they reject tokens and links signed with it",
                file.display()
            ));
            Ok(())
        }
        SecretCommand::Adopt { accept_loss } => {
            if !accept_loss {
                bail!(
                    "nothing was changed: this command would invalidate all tokens, links and cursors, \
                     and revoke all API keys. If the old secret is lost for good, add --accept-loss"
                );
            }
            adopt(config).await
        }
    }
}

/// Locks the folder of a secret, so that two concurrent rotations can't overwrite each other's secret.
fn turn(secret: &Path) -> Result<File> {
    let secret = fs::canonicalize(secret).unwrap_or_else(|_| secret.to_owned());
    let folder = secret.parent().unwrap_or(Path::new("."));
    let opened = File::open(folder).with_context(|| format!("can't use {}", folder.display()))?;
    match opened.try_lock() {
        Ok(()) => Ok(opened),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another `daybook secret rotate` is running in {}; try again later",
                folder.display()
            )
        }
        Err(TryLockError::Error(error)) => {
            Err(error).context("can't lock the folder of the secret")
        }
    }
}

/// Text of the secret that replaces the one that the database is bound to.
async fn rotated(config: &Config, keep: Duration) -> Result<String> {
    let instance = open(config).await?;
    let now = instance.clock.now();
    let text = instance.secret.rotated(&new_secret(), keep, now).map_err(anyhow::Error::msg);
    instance.stop().await?;
    text
}

async fn adopt(config: &Config) -> Result<()> {
    let options = config.options()?;
    let db = config.existing_database().await?;
    let secret = match config.known_secret()? {
        Some(secret) => secret,
        None => config.make_secret()?,
    };
    let viewer = viewer(config)?;
    let store = config.store()?;
    let adopted = Instance::adopt(db, secret, store, options, Clock::default(), &viewer).await;
    let revoked = adopted?;
    name_database(&config.database_name());
    inform(&format!(
        "the database now uses the configured secret; {revoked} API keys were revoked. Create new \
         tokens and keys, and restart every `daybook serve` and `daybook worker`"
    ));
    Ok(())
}
