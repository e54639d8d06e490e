//! The secret: given, or made once and kept in the data folder.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daybook_service::Secret;

use super::Config;

impl Config {
    /// Whether the secret is made and kept by Daybook itself.
    #[must_use]
    pub fn has_own_secret(&self) -> bool {
        self.secret.is_none()
    }

    /// The secret, if there is one already; none is made.
    ///
    /// # Errors
    /// One that can't be read or used.
    pub fn known_secret(&self) -> Result<Option<Secret>> {
        let is_known = self.secret.is_some() || self.data_dir.join("secret").exists();
        if is_known { self.secret().map(Some) } else { Ok(None) }
    }

    /// The secret, which is made where none is given and none is kept.
    pub(super) fn secret(&self) -> Result<Secret> {
        let text = match &self.secret {
            Some(text) => text.clone(),
            None => own_secret(&self.data_dir)?,
        };
        Secret::new(&text).map_err(anyhow::Error::msg).context("DAYBOOK_SECRET can't be used")
    }
}

/// The secret in the data folder, made at first use and readable by its owner only.
fn own_secret(data_dir: &Path) -> Result<String> {
    let path = data_dir.join("secret");
    let describe = || format!("can't use {}", path.display());
    fs::create_dir_all(data_dir).with_context(describe)?;
    let secret = URL_SAFE_NO_PAD.encode(daybook_service::random_bytes::<32>());
    // Written whole under another name first: two processes that start at once agree on one.
    let draft = data_dir.join(format!("secret.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&draft).with_context(describe)?;
    file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()).with_context(describe)?;
    let linked = fs::hard_link(&draft, &path);
    fs::remove_file(&draft).with_context(describe)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(describe)
        }
        Ok(()) | Err(_) => fs::read_to_string(&path).with_context(describe),
    }
}
