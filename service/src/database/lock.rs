//! One process at a time on a SQLite database that works on it for long.
//!
//! Two would not lose anything, since SQLite itself lets one write at a time, but neither would hear of
//! what the other does, jobs would be worked by a process that the operator has forgotten, and a restore
//! or a migration would meet requests. Short commands need no turn.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{Fault, Result, private};

/// The turn at a SQLite database: ends when it is dropped, and with the process at the latest.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Locked for as long as it is open.
    file: Option<File>,
}

impl Lock {
    /// Takes the turn at `database`, whose folder is made where it is missing.
    ///
    /// # Errors
    /// Another process has it, which the text names; a file that can't be made.
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
            // Whoever had it may have removed it meanwhile.
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
            // While it is locked: it can't be another's yet.
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
    // Without its number the text says as much as it can.
    let _ = file.read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => String::new(),
        holder => format!(" (process {holder})"),
    };
    Fault::Unfit(format!(
        "{} is in use by another Daybook{holder}: stop that one first. A SQLite database is for one \
         `daybook serve` or `daybook worker` at a time; for more, use PostgreSQL",
        database.display()
    ))
}
