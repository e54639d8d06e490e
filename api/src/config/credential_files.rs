//! Credentials read from files. Environment variables show up in core dumps, in the output of
//! `docker inspect` and in every child process, and command-line options show up in `ps`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{Config, heading};

/// Files, each of which holds the value of one setting.
#[derive(Args, Clone, Debug)]
pub struct CredentialFiles {
    /// File that holds the database URL; use it instead of --database-url [default: none]
    ///
    /// Set it if others can see the environment of the process, as in the output of `docker inspect`.
    #[arg(long, env = "DAYBOOK_DATABASE_URL_FILE", help_heading = heading::NODE, global = true)]
    pub database_url_file: Option<PathBuf>,
    /// File that holds the direct database URL; use it instead of --database-direct-url
    /// [default: none]
    ///
    /// Set it if others can see the environment of the process, as in the output of `docker inspect`.
    #[arg(long, env = "DAYBOOK_DATABASE_DIRECT_URL_FILE", help_heading = heading::CLUSTER, global = true)]
    pub database_direct_url_file: Option<PathBuf>,
    /// File that holds the replica's URL; use it instead of --database-replica-url
    /// [default: none]
    ///
    /// Set it if others can see the environment of the process, as in the output of `docker inspect`.
    #[arg(long, env = "DAYBOOK_DATABASE_REPLICA_URL_FILE", help_heading = heading::CLUSTER, global = true)]
    pub database_replica_url_file: Option<PathBuf>,
    /// File that holds the secret and, one per line, previous secrets; use it instead of --secret
    /// [default: none]
    ///
    /// Set it if others can see the environment of the process, or to rotate the secret step by step.
    #[arg(long, env = "DAYBOOK_SECRET_FILE", help_heading = heading::NODE, global = true)]
    pub secret_file: Option<PathBuf>,
    /// File that holds the URLs of the NATS servers; use it instead of --nats-url
    /// [default: none]
    ///
    /// Set it if others can see the environment of the process, as in the output of `docker inspect`.
    #[arg(long, env = "DAYBOOK_NATS_URL_FILE", help_heading = heading::CLUSTER, global = true)]
    pub nats_url_file: Option<PathBuf>,
}

impl Default for CredentialFiles {
    /// Returns the default of each option.
    fn default() -> Self {
        super::defaults()
    }
}

impl Config {
    /// Reads the settings that are given as files, except the secret, which is read when it is needed.
    ///
    /// # Errors
    /// Fails if a setting is given both ways, or a file can't be read or does not hold exactly one line.
    pub fn read_credential_files(&mut self) -> Result<()> {
        let files = self.credential_files.clone();
        if self.secret.is_some() && files.secret_file.is_some() {
            bail!(given_twice("DAYBOOK_SECRET"));
        }
        for (name, value, file) in [
            ("DAYBOOK_DATABASE_URL", &mut self.database_url, files.database_url_file),
            (
                "DAYBOOK_DATABASE_DIRECT_URL",
                &mut self.database_direct_url,
                files.database_direct_url_file,
            ),
            (
                "DAYBOOK_DATABASE_REPLICA_URL",
                &mut self.database_replica_url,
                files.database_replica_url_file,
            ),
            ("DAYBOOK_NATS_URL", &mut self.messages.nats_url, files.nats_url_file),
        ] {
            let Some(file) = file else { continue };
            if value.is_some() {
                bail!(given_twice(name));
            }
            *value = Some(line(name, &file)?);
        }
        Ok(())
    }
}

fn given_twice(name: &str) -> String {
    format!("{name} and {name}_FILE are both set; unset one of them")
}

/// Reads the single line of the file that holds the setting `name`.
fn line(name: &str, file: &Path) -> Result<String> {
    let text = read(&format!("{name}_FILE"), file)?;
    let text = text.trim();
    if text.is_empty() || text.lines().count() > 1 {
        bail!(
            "{name}_FILE must name a file with exactly one line ({} has none or several)",
            file.display()
        );
    }
    Ok(text.to_owned())
}

/// Reads the file that the setting `name` names. Errors never contain its content.
pub(super) fn read(name: &str, file: &Path) -> Result<String> {
    let bytes = fs::read(file);
    let bytes = bytes.with_context(|| format!("can't read {name}: {}", file.display()))?;
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("can't read {name}: {} is not UTF-8 text", file.display());
    };
    Ok(text)
}
