//! Protects the files that Daybook stores on this machine from other accounts.
//!
//! Files are accessible to their owner only (mode 0600), and so are the folders that hold nothing
//! but Daybook's files (0700). A folder that holds other files as well may be meant for other
//! accounts, so only the files in it are changed.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fmt, fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Mode of every file that Daybook creates.
const FILE_MODE: u32 = 0o600;
/// Mode of every folder that Daybook creates.
const FOLDER_MODE: u32 = 0o700;
/// Permission bits of accounts other than the owner.
const RIGHTS_OF_OTHERS: u32 = 0o077;
/// Permission bits that let accounts other than the owner change a folder's entries.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Bit that restricts changes in a folder to an account's own files, as in `/tmp`.
const STICKY: u32 = 0o1000;
/// Suffixes of the files that SQLite and Daybook put beside a database.
const BESIDE_DATABASE: [&str; 4] = ["-wal", "-shm", "-journal", ".lock"];
/// Folders of artifacts, by the kind of job that made them.
const ARTIFACT_FOLDERS: [&str; 2] = ["backups", "exports"];
/// Name of the object that holds an artifact store's identity. It does not look like an artifact's
/// key, so the janitor leaves it alone.
pub const STORE_IDENTITY: &str = "store-id";
/// Name of the object that each readiness probe writes to the artifact store.
pub(crate) const READINESS_PROBE: &str = "readiness-probe";
/// Prefix of the names of objects that the rehearsal at startup writes to the artifact store.
pub(crate) const REHEARSAL_PREFIX: &str = "rehearsal-";
/// Prefixes of the names of files that a trial of the store leaves if its process is killed.
const TRIAL_PREFIXES: [&str; 2] = [READINESS_PROBE, REHEARSAL_PREFIX];

/// Paths at which Daybook keeps files on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivatePaths {
    /// Folder of the secret, and of files for which no other place is set.
    pub data_dir: Option<PathBuf>,
    /// The file of the SQLite database; none if there is none on this machine.
    pub database: Option<PathBuf>,
    /// The folder of artifacts; none if there is none on this machine.
    pub artifacts: Option<PathBuf>,
}

/// A file or folder that accounts other than its owner's can open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// The path of the file or folder.
    pub path: PathBuf,
    /// The current mode, such as 0o644.
    pub mode: u32,
    /// The mode that the file or folder should have.
    pub wanted: u32,
}

impl Exposed {
    /// Returns the shell command that sets the mode.
    #[must_use]
    pub fn command(&self) -> String {
        format!("chmod {:04o} '{}'", self.wanted, self.path.display())
    }

    /// Returns true if this is a folder without entries, so that there is nothing to open.
    #[must_use]
    pub fn is_empty_folder(&self) -> bool {
        fs::read_dir(&self.path).is_ok_and(|mut items| items.next().is_none())
    }

    /// Removes the permissions of other accounts.
    ///
    /// # Errors
    /// The system's error, such as that the file belongs to another account.
    pub fn tighten(&self) -> io::Result<()> {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(self.wanted))
    }
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has mode {:04o}", self.path.display(), self.mode)
    }
}

/// Creates a folder and its missing parents with mode 0700.
///
/// # Errors
/// The system's error.
pub fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

/// Creates a file with mode 0600. An existing file stays as it is.
///
/// # Errors
/// The system's error.
pub fn make_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    match options.write(true).create_new(true).mode(FILE_MODE).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

impl PrivatePaths {
    /// Returns the same places with symbolic links resolved.
    #[must_use]
    pub fn resolved(self) -> Self {
        let real = |path: PathBuf| fs::canonicalize(&path).unwrap_or(path);
        let Self { data_dir, database, artifacts } = self;
        Self {
            data_dir: data_dir.map(real),
            database: database.map(real),
            artifacts: artifacts.map(real),
        }
    }

    /// Returns the exposed files and folders of the database, the secret and the data, but not the
    /// files in the folder of artifacts, of which there may be many: see
    /// [`Self::exposed_artifacts`].
    #[must_use]
    pub fn exposed(&self) -> Vec<Exposed> {
        let files = self.secrets().chain(self.database_files());
        let folders = self.folders().filter(|folder| self.holds_nothing_else(folder));
        folders.collect::<BTreeSet<_>>().into_iter().chain(files).filter_map(exposed).collect()
    }

    /// Returns the exposed files and folders in the folder of artifacts.
    #[must_use]
    pub fn exposed_artifacts(&self) -> Vec<Exposed> {
        let Some(root) = &self.artifacts else { return Vec::new() };
        let ours = names(root).into_iter().filter(|name| is_artifact(name));
        let mut rest: Vec<_> = ours.map(|name| root.join(name)).collect();
        let mut found = Vec::new();
        while let Some(path) = rest.pop() {
            found.extend(exposed(path.clone()));
            // A symbolic link may lead to files that are not Daybook's.
            if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
                rest.extend(names(&path).into_iter().map(|name| path.join(name)));
            }
        }
        found
    }

    /// Returns the folders in which other accounts can replace Daybook's files by their own.
    #[must_use]
    pub fn writable_by_others(&self) -> Vec<Exposed> {
        let folders: BTreeSet<_> = self.folders().collect();
        let is_writable =
            |found: &Exposed| found.mode & WRITABLE_BY_OTHERS != 0 && found.mode & STICKY == 0;
        let less = |found: Exposed| Exposed { wanted: found.mode & !WRITABLE_BY_OTHERS, ..found };
        folders.into_iter().filter_map(exposed).filter(is_writable).map(less).collect()
    }

    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let of_database = self.database.as_deref().map(folder_of);
        [self.data_dir.clone(), of_database, self.artifacts.clone()].into_iter().flatten()
    }

    fn secrets(&self) -> impl Iterator<Item = PathBuf> {
        self.data_dir.iter().flat_map(|folder| {
            let secrets = names(folder).into_iter().filter(|name| is_secret(name));
            secrets.map(|name| folder.join(name))
        })
    }

    fn database_files(&self) -> impl Iterator<Item = PathBuf> {
        self.database.iter().flat_map(|file| {
            let beside = BESIDE_DATABASE.iter().map(|end| beside(file, end));
            std::iter::once(file.clone()).chain(beside)
        })
    }

    /// Returns true if a folder holds only entries that Daybook itself creates there.
    fn holds_nothing_else(&self, folder: &Path) -> bool {
        let is_artifacts = self.artifacts.as_deref() == Some(folder);
        let ours: BTreeSet<_> =
            self.database_files().chain(self.folders()).chain([folder.join("artifacts")]).collect();
        names(folder).iter().all(|name| {
            is_secret(name)
                || ours.contains(&folder.join(name))
                || is_artifacts && is_artifact(name)
        })
    }
}

/// Returns the path of the file beside a database with this suffix.
#[must_use]
pub fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn exposed(path: PathBuf) -> Option<Exposed> {
    // A file that is missing or can't be seen is not exposed by Daybook. A symbolic link has no
    // mode of its own.
    let found = fs::symlink_metadata(&path).ok().filter(|found| !found.is_symlink())?;
    let mode = found.permissions().mode() & 0o7777;
    let wanted = if found.is_dir() { mode & !RIGHTS_OF_OTHERS } else { mode & FILE_MODE };
    (mode & RIGHTS_OF_OTHERS != 0).then_some(Exposed { path, mode, wanted })
}

fn names(folder: &Path) -> Vec<OsString> {
    let items = fs::read_dir(folder).into_iter().flatten();
    items.filter_map(|item| Some(item.ok()?.file_name())).collect()
}

fn folder_of(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Returns true for the name of the secret, and for those of drafts that a killed process left.
fn is_secret(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name == "secret" || name.starts_with("secret."))
}

/// Returns true for names that Daybook itself creates in its folder of artifacts.
fn is_artifact(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    ARTIFACT_FOLDERS.contains(&name)
        || name == STORE_IDENTITY
        || TRIAL_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
