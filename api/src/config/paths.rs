//! Paths of files and folders on this machine.

use std::path::{Path, PathBuf};

use anyhow::Result;
use daybook_service::{
    Database, Lock,
    private::{Exposed, PrivatePaths},
};

use super::Config;

impl Config {
    /// Path of the SQLite database, if it does not exist yet.
    pub(crate) fn missing_database(&self) -> Option<PathBuf> {
        Database::sqlite_file(&self.database_url()).filter(|file| !file.exists())
    }

    /// Path of the artifacts folder, if artifacts are kept in a folder that does not exist yet.
    pub(crate) fn missing_artifacts(&self) -> Option<PathBuf> {
        self.artifacts_folder().filter(|folder| !folder.exists())
    }

    /// Lists every folder that Daybook writes to.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let database = Database::sqlite_file(&self.database_url());
        let database = database.and_then(|file| file.parent().map(Path::to_owned));
        let folders = [Some(self.data_dir.clone()), database, self.artifacts_folder()];
        folders.into_iter().flatten().collect()
    }

    /// Paths of everything that Daybook keeps on this machine.
    pub(crate) fn paths(&self) -> PrivatePaths {
        let places = PrivatePaths {
            data_dir: Some(self.data_dir.clone()),
            database: Database::sqlite_file(&self.database_url()),
            artifacts: self.artifacts_folder(),
        };
        places.resolved()
    }

    /// Locks a SQLite database for a long-running process. Returns none on PostgreSQL, which needs no lock.
    ///
    /// # Errors
    /// Fails if another process holds the lock; the text names it.
    pub(crate) fn lock_database(&self) -> Result<Option<Lock>> {
        let file = Database::sqlite_file(&self.database_url());
        Ok(file.map(|file| Lock::take(&file)).transpose()?)
    }

    /// Path of the artifacts folder, unless artifacts are in a bucket.
    fn artifacts_folder(&self) -> Option<PathBuf> {
        let Some(url) = &self.artifacts_url else { return Some(self.data_dir.join("artifacts")) };
        folder(url)
    }
}

/// Maximum number of paths that are logged one by one.
const MAX_LOGGED: usize = 10;

/// Removes other accounts' access to files that an earlier version, or somebody's umask, has left open
/// to them. Logs each change, or the command that makes it.
pub(crate) fn tighten(exposed: &[Exposed]) {
    for (index, exposed) in exposed.iter().enumerate() {
        match exposed.tighten() {
            Ok(()) if index < MAX_LOGGED => tracing::info!(
                "{exposed}, which let other accounts open it; changed to {:04o}",
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
            "{} more files and folders had modes that let other accounts open them",
            exposed.len() - MAX_LOGGED
        );
    }
}

/// Path of the folder that `file:PATH` or `file://PATH` names.
pub(super) fn folder(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("file:")?;
    Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
}
