//! Reading credentials from files.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use super::Config;

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
