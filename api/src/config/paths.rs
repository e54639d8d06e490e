//! Where on this machine things are.

use std::path::{Path, PathBuf};

use anyhow::Result;
use daybook_service::{
    Database, Lock,
    private::{Exposed, Places},
};

use super::Config;

impl Config {
    /// The file of a SQLite database that is not there yet.
    pub(crate) fn missing_database(&self) -> Option<PathBuf> {
        Database::sqlite_file(&self.database_url()).filter(|file| !file.exists())
    }

    /// The folder of artifacts, where it's one of this machine and not there yet.
    pub(crate) fn missing_artifacts(&self) -> Option<PathBuf> {
        self.artifacts_folder().filter(|folder| !folder.exists())
    }

    /// Every folder that is written to.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let database = Database::sqlite_file(&self.database_url());
        let database = database.and_then(|file| file.parent().map(Path::to_owned));
        let folders = [Some(self.data_dir.clone()), database, self.artifacts_folder()];
        folders.into_iter().flatten().collect()
    }

    /// Places of files on this machine.
    pub(crate) fn paths(&self) -> Places {
        let places = Places {
            data_dir: Some(self.data_dir.clone()),
            database: Database::sqlite_file(&self.database_url()),
            artifacts: self.artifacts_folder(),
        };
        places.resolved()
    }

    /// Takes the turn at a SQLite database, for a process that works on it for long. None is needed on
    /// PostgreSQL.
    ///
    /// # Errors
    /// Another process has it, which the text names.
    pub(crate) fn lock_database(&self) -> Result<Option<Lock>> {
        let file = Database::sqlite_file(&self.database_url());
        Ok(file.map(|file| Lock::take(&file)).transpose()?)
    }

    /// The folder of artifacts, where they are not in a bucket.
    fn artifacts_folder(&self) -> Option<PathBuf> {
        let Some(url) = &self.artifacts_url else { return Some(self.data_dir.join("artifacts")) };
        folder(url)
    }
}

/// Most paths that are logged one by one.
const MAX_LOGGED: usize = 10;

/// Takes away what other accounts of this machine may do with files that an earlier version, or
/// somebody's umask, has left open to them. Says so in the log, or which command does it.
pub(crate) fn tighten(exposed: &[Exposed]) {
    for (index, exposed) in exposed.iter().enumerate() {
        match exposed.tighten() {
            Ok(()) if index < MAX_LOGGED => tracing::info!(
                "{exposed}, which lets other accounts open it: now {:04o}",
                exposed.wanted
            ),
            Ok(()) => {}
            Err(error) => tracing::warn!(
                %error,
                "{exposed}, which lets other accounts open it: run `{}` as its owner",
                exposed.command()
            ),
        }
    }
    if exposed.len() > MAX_LOGGED {
        tracing::info!(
            "{} more files and folders could be opened by other accounts",
            exposed.len() - MAX_LOGGED
        );
    }
}

/// The folder that `file:PATH` or `file://PATH` names.
pub(super) fn folder(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("file:")?;
    Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
}
