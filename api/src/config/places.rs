//! Where on this machine things are.

use std::path::{Path, PathBuf};

use super::Config;

impl Config {
    /// The file of a SQLite database that is not there yet.
    pub(crate) fn missing_database(&self) -> Option<PathBuf> {
        sqlite_file(&self.database_url()).filter(|file| !file.exists())
    }

    /// The folder of artifacts, where it's one of this machine and not there yet.
    pub(crate) fn missing_artifacts(&self) -> Option<PathBuf> {
        self.artifacts_folder().filter(|folder| !folder.exists())
    }

    /// Every folder that is written to.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let database = sqlite_file(&self.database_url());
        let database = database.and_then(|file| file.parent().map(Path::to_owned));
        let folders = [Some(self.data_dir.clone()), database, self.artifacts_folder()];
        folders.into_iter().flatten().collect()
    }

    /// The folder of artifacts, where they are not in a bucket.
    fn artifacts_folder(&self) -> Option<PathBuf> {
        let Some(url) = &self.artifacts_url else { return Some(self.data_dir.join("artifacts")) };
        folder(url)
    }
}

/// The folder that `file:PATH` or `file://PATH` names.
pub(super) fn folder(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("file:")?;
    Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
}

/// The file of a SQLite database.
pub(crate) fn sqlite_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    Some(PathBuf::from(path.split_once('?').map_or(path, |(path, _)| path)))
}
