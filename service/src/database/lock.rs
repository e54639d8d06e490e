//! A lock for one long-running process at a time on a SQLite database.
//!
//! Two processes would lose no data, since SQLite itself lets one write at a time. But neither
//! would be notified of the other's changes, jobs would run in a process that the operator has
//! forgotten, and a restore or a migration would meet requests. Short commands need no lock.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{Fault, Result, private};

/// The lock on a SQLite database. It is released when it is dropped, at the latest when the process
/// ends.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// The file, locked for as long as it is open; none if the file system has no locks.
    file: Option<File>,
}

impl Lock {
    /// Locks `database`, and creates its folder if that is missing.
    ///
    /// # Errors
    /// Another process holds the lock, whose ID the text names, or the file can't be created.
    pub fn take(database: &Path) -> Result<Self> {
        let real = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
        let path = private::beside(&real, ".lock");
        let cannot = |source| {
            let context = format!("can't lock {}", path.display());
            Fault::Io { context, source }.into()
        };
        if let Some(folder) = real.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private::make_folder(folder).map_err(cannot)?;
        }
        loop {
            let file = open(&path).map_err(cannot)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(taken(&real, file).into()),
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    tracing::warn!(%error, "{} can't be locked: run one process only", real.display());
                    return Ok(Self { path, file: None });
                }
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
            // The previous holder may have removed the file meanwhile.
            if is_at(&file, &path) {
                note_holder(&file).map_err(cannot)?;
                return Ok(Self { path, file: Some(file) });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.file.is_some() {
            // The file is still locked, so it can't be another process's yet.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn is_at(file: &File, path: &Path) -> bool {
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    let (ours, there) = (file.metadata().map(place), fs::metadata(path).map(place));
    matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
}

fn note_holder(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn taken(database: &Path, mut file: File) -> Fault {
    let mut holder = String::new();
    // Without the process ID, the text just says less.
    let _ = file.read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => String::new(),
        holder => format!(" (process {holder})"),
    };
    Fault::misconfigured(format!(
        "{} is in use by another Daybook{holder}: stop that one first. A SQLite database is for one \
         `daybook serve` or `daybook worker` at a time; for more, use PostgreSQL",
        database.display()
    ))
}
