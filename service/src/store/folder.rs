//! Folders as stores, where `object_store` leaves files of unfinished uploads.

use std::{
    io::SeekFrom,
    ops::Range,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use object_store::{MultipartUpload, PutPayload};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::unfinished::{At, Unfinished};
use crate::{Fault, Result};

/// Size in bytes of each read of a file. `object_store` reads 8 KiB at a time, each on another
/// thread.
const READ_BYTES: usize = 64 * 1024;

/// Number of bytes after which an unfinished file is flushed to the disk in the background.
const FLUSH_BYTES: usize = 16 * 1024 * 1024;

/// A file that is being written under a temporary name.
pub(super) struct FolderUpload {
    upload: Box<dyn MultipartUpload>,
    staged: PathBuf,
    /// Number of bytes written since the last flush.
    unflushed: usize,
}

impl FolderUpload {
    /// Creates the upload of the object at `path`. No other upload may have the same key.
    pub(super) fn new(upload: Box<dyn MultipartUpload>, path: &Path) -> Self {
        let mut staged = path.as_os_str().to_owned();
        staged.push("#1");
        Self { upload, staged: staged.into(), unflushed: 0 }
    }

    pub(super) async fn put_part(&mut self, part: PutPayload) -> Result<()> {
        self.unflushed += part.content_length();
        self.upload.put_part(part).await?;
        if self.unflushed >= FLUSH_BYTES {
            self.unflushed = 0;
            let staged = self.staged.clone();
            // Nothing waits for this flush or relies on it: the file is fsynced before it gets its
            // name, which is faster if most of it has been flushed by then. An error of the disk
            // here is reported there again, since Linux reports it to each open file.
            tokio::task::spawn_blocking(move || std::fs::File::open(staged)?.sync_data());
        }
        Ok(())
    }

    pub(super) async fn complete(mut self) -> Result<()> {
        self.upload.complete().await?;
        Ok(())
    }

    pub(super) async fn abort(mut self) -> Result<()> {
        Ok(self.upload.abort().await?)
    }
}

/// Returns a stream of a range of a file's bytes.
pub(super) async fn stream(
    file: std::fs::File,
    range: Range<u64>,
) -> Result<impl Stream<Item = Result<Bytes, object_store::Error>> + use<>> {
    let mut file = tokio::fs::File::from_std(file);
    let cannot = |source| Fault::Io { context: "can't read an artifact".to_owned(), source };
    file.seek(SeekFrom::Start(range.start)).await.map_err(cannot)?;
    let bytes = ReaderStream::with_capacity(file.take(range.end - range.start), READ_BYTES);
    Ok(bytes
        .map_err(|error| object_store::Error::Generic { store: "folder", source: error.into() }))
}

/// Returns the uploads staged under `root`: files whose names are a key, `#` and a number.
pub(super) async fn unfinished(root: &Path) -> Result<Vec<Unfinished>> {
    let upload = |path: PathBuf| {
        let key = path.strip_prefix(root).ok()?.to_str()?;
        let (key, _) = key.rsplit_once('#')?;
        Some(Unfinished { key: key.to_owned(), at: At::File(path.clone()) })
    };
    Ok(staged(root).await?.into_iter().filter_map(upload).collect())
}

/// Returns the files under `folder` that hold an unfinished upload: their names end in `#` and a
/// number.
async fn staged(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let mut items = match tokio::fs::read_dir(&folder).await {
            Ok(items) => items,
            // Removed in the meantime.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(cannot("read", &folder, error)),
        };
        while let Some(item) =
            items.next_entry().await.map_err(|error| cannot("read", &folder, error))?
        {
            let path = item.path();
            let is_staged = path.to_str().is_some_and(|path| path.contains('#'));
            match item.file_type().await {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(_) if is_staged => found.push(path),
                Ok(_) | Err(_) => {}
            }
        }
    }
    Ok(found)
}

/// Removes a file. Succeeds if there is no such file.
pub(super) async fn remove_file(path: &Path) -> Result<()> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(cannot("remove", path, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn cannot(what: &str, path: &Path, source: std::io::Error) -> crate::Error {
    Fault::Io { context: format!("can't {what} {}", path.display()), source }.into()
}
