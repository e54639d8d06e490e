//! The secret: set directly, in a file, or generated once and kept in the data folder.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daybook_service::{Database, Purpose, Secret, binding, private};

use super::{Config, credentials::read};

impl Config {
    /// Returns true if Daybook itself generates and keeps the secret.
    #[must_use]
    pub fn has_own_secret(&self) -> bool {
        self.secret.is_none() && self.credential_files.secret_file.is_none()
    }

    /// Path of the file that holds the secret; none if the secret is set directly.
    pub(crate) fn secret_file(&self) -> Option<PathBuf> {
        let given = self.credential_files.secret_file.clone();
        let own = || self.data_dir.join("secret");
        self.secret.is_none().then(|| given.unwrap_or_else(own))
    }

    /// Returns the secret if there is one; never generates one.
    ///
    /// # Errors
    /// Fails if the secret can't be read or is not valid.
    pub fn known_secret(&self) -> Result<Option<Secret>> {
        let own = self.data_dir.join("secret");
        let (text, from) = match (&self.secret, &self.credential_files.secret_file) {
            (Some(text), _) => (text.clone(), "DAYBOOK_SECRET".to_owned()),
            (None, Some(file)) => {
                let from = format!("DAYBOOK_SECRET_FILE ({})", file.display());
                (read("DAYBOOK_SECRET_FILE", file)?, from)
            }
            (None, None) if own.exists() => {
                (read("the secret", &own)?, format!("the secret in {}", own.display()))
            }
            (None, None) => return Ok(None),
        };
        let secret = Secret::new(&text).map_err(anyhow::Error::msg);
        secret.map(Some).with_context(|| format!("{from} is not valid"))
    }

    /// Refuses a database that is bound to another secret, before anything in it is changed.
    pub(super) async fn refuse_other_secret(&self, db: &Database) -> Result<()> {
        let Some(known) = binding::fingerprint(db).await? else { return Ok(()) };
        match self.known_secret()? {
            Some(secret) if secret.verify(Purpose::Fingerprint, &[], &known) => Ok(()),
            Some(_) => bail!(binding::OTHER_SECRET),
            None => bail!(self.missing_secret()),
        }
    }

    /// Returns the secret of a migrated database; generates it if the database is new and none is set.
    pub(super) async fn secret_for(&self, db: &Database) -> Result<Secret> {
        // Checked first: a process stores its secret before it binds the database to it.
        let is_bound = binding::fingerprint(db).await?.is_some();
        match self.known_secret()? {
            Some(secret) => Ok(secret),
            None if is_bound => bail!(self.missing_secret()),
            None => self.make_secret(),
        }
    }

    /// Returns the secret in the data folder; generates it if there is none.
    pub(crate) fn make_secret(&self) -> Result<Secret> {
        let text = own_secret(&self.data_dir)?;
        Secret::new(&text).map_err(anyhow::Error::msg).context("the secret is not valid")
    }

    pub(super) fn missing_secret(&self) -> String {
        format!(
            "this database was made with another secret, or with the one that was in {}: put that \
             file back, or set DAYBOOK_SECRET or DAYBOOK_SECRET_FILE; if the secret is lost, `daybook \
             secret adopt --help` explains how to continue and what stops working",
            self.data_dir.join("secret").display()
        )
    }
}

/// Generates the text of a new secret.
pub(crate) fn new_secret() -> String {
    URL_SAFE_NO_PAD.encode(daybook_service::random_bytes::<32>())
}

/// Replaces the text of a secret's file atomically, and keeps its owner and mode.
///
/// # Errors
/// Fails if the file can't be written.
pub(crate) fn replace_secret(path: &Path, text: &str) -> Result<()> {
    let describe = || format!("can't write {}", path.display());
    // A symbolic link stays one.
    let path = fs::canonicalize(path).with_context(describe)?;
    let known = fs::metadata(&path).with_context(describe)?;
    let draft = draft(&path, text).with_context(describe)?;
    let replaced = fs::set_permissions(&draft, fs::Permissions::from_mode(known.mode() & 0o777))
        .and_then(|()| chown(&draft, Some(known.uid()), Some(known.gid())))
        .and_then(|()| fs::rename(&draft, &path));
    if replaced.is_err() {
        // The draft holds the secret, so it must not be left behind.
        let _ = fs::remove_file(&draft);
    }
    replaced.with_context(describe)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(describe)
}

/// Writes `text` to a new file next to `path` that only its owner can read.
fn draft(path: &Path, text: &str) -> io::Result<PathBuf> {
    let draft = private::beside(path, &format!(".{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(draft)
}

/// Returns the secret in the data folder; generated at first use, readable by its owner only.
fn own_secret(data_dir: &Path) -> Result<String> {
    let path = data_dir.join("secret");
    let describe = || format!("can't use {}", path.display());
    private::make_folder(data_dir).with_context(describe)?;
    // Written under another name first, so that two processes that start at once agree on one secret.
    let draft = draft(&path, &new_secret()).with_context(describe)?;
    let linked = fs::hard_link(&draft, &path);
    fs::remove_file(&draft).with_context(describe)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(describe)
        }
        Ok(()) | Err(_) => fs::read_to_string(&path).with_context(describe),
    }
}
