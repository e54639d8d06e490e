//! Settings that hold a credential, given as files: what is in the environment is in core dumps, in the
//! output of `docker inspect` and in the environment of every child, and an option is in `ps`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::Config;

/// Files that hold the value of the setting that they are named after.
#[derive(Args, Clone, Debug)]
pub struct CredentialFiles {
    /// A file that holds the database URL, in place of --database-url
    #[arg(long, env = "DAYBOOK_DATABASE_URL_FILE", global = true)]
    pub database_url_file: Option<PathBuf>,
    /// A file that holds the direct URL, in place of --database-direct-url
    #[arg(long, env = "DAYBOOK_DATABASE_DIRECT_URL_FILE", global = true)]
    pub database_direct_url_file: Option<PathBuf>,
    /// A file that holds the replica's URL, in place of --database-replica-url
    #[arg(long, env = "DAYBOOK_DATABASE_REPLICA_URL_FILE", global = true)]
    pub database_replica_url_file: Option<PathBuf>,
    /// A file that holds the secret and, a line each, those before it, in place of --secret
    #[arg(long, env = "DAYBOOK_SECRET_FILE", global = true)]
    pub secret_file: Option<PathBuf>,
    /// A file that holds the URLs of the NATS servers, in place of --nats-url
    #[arg(long, env = "DAYBOOK_NATS_URL_FILE", global = true)]
    pub nats_url_file: Option<PathBuf>,
}

impl Default for CredentialFiles {
    /// As if nothing were said.
    fn default() -> Self {
        super::defaults()
    }
}

impl Config {
    /// Takes the settings that are given as files from there. The secret stays where it is until it is
    /// asked for.
    ///
    /// # Errors
    /// A setting that is given in both ways, or a file that can't be read or holds no single line.
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
    format!("{name} and {name}_FILE are both set: unset one of them")
}

/// The one line of the file that holds the setting `name`.
fn line(name: &str, file: &Path) -> Result<String> {
    let text = read(&format!("{name}_FILE"), file)?;
    let text = text.trim();
    if text.is_empty() || text.lines().count() > 1 {
        bail!("{name}_FILE must name a file of one line ({} is another)", file.display());
    }
    Ok(text.to_owned())
}

/// The text of the file that the setting `name` names. What is in it is never in an error.
pub(super) fn read(name: &str, file: &Path) -> Result<String> {
    let bytes = fs::read(file);
    let bytes = bytes.with_context(|| format!("{name} can't be used: {}", file.display()))?;
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("{name} can't be used: {} is not text in UTF-8", file.display());
    };
    Ok(text)
}
