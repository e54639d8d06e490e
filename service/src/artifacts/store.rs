//! The object store and writing one object to it.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload,
    local::LocalFileSystem, path::Path as Key,
};
use sha2::{Digest, Sha256};

use crate::{Fault, Result};

/// Bytes of a part of an upload: large enough that parts cost nothing, small enough to hold two.
const PART: usize = 1024 * 1024;

/// Where artifacts are.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// Where uploads are staged as files, in a store that is a folder.
    folder: Option<PathBuf>,
}

/// An object that is completely there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// Its length.
    pub size_bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

impl Store {
    /// A folder on this machine, made where it's missing. What is written there is fsynced before
    /// it gets its name.
    ///
    /// # Errors
    /// A folder that can't be made or used.
    pub fn folder(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(|source| Fault::Io {
            context: format!("can't make the folder {}", path.display()),
            source,
        })?;
        let objects =
            LocalFileSystem::new_with_prefix(path)?.with_automatic_cleanup(true).with_fsync(true);
        Ok(Self { objects: Arc::new(objects), folder: Some(path.to_owned()) })
    }

    /// Begins an object; nothing is visible under its key before [`Writer::finish`].
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn write(&self, key: &str) -> Result<Writer> {
        let upload = self.objects.put_multipart(&Key::from(key)).await?;
        Ok(Writer {
            key: key.to_owned(),
            upload,
            part: Vec::with_capacity(PART),
            hasher: Sha256::new(),
            size_bytes: 0,
        })
    }

    /// The bytes of an object, or of a range of it.
    ///
    /// # Errors
    /// A fault of the store, a missing object included.
    pub async fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, std::result::Result<Bytes, object_store::Error>>> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        Ok(self.objects.get_opts(&Key::from(key), options).await?.into_stream().boxed())
    }

    /// The keys of all objects.
    pub(super) fn list(&self) -> BoxStream<'static, Result<String>> {
        let objects = self.objects.list(None);
        objects.map(|object| Ok(object?.location.to_string())).boxed()
    }

    /// Uploads that are not finished (their process may have been killed), as far as the store keeps
    /// them as files: the key of each object, and the file.
    pub(super) async fn unfinished(&self) -> Result<Vec<(String, PathBuf)>> {
        let Some(folder) = &self.folder else { return Ok(Vec::new()) };
        let key = |path: PathBuf| {
            let key = path.strip_prefix(folder).ok()?.to_str()?;
            let (key, _) = key.rsplit_once('#')?;
            Some((key.to_owned(), path.clone()))
        };
        Ok(staged(folder).await?.into_iter().filter_map(key).collect())
    }

    /// Removes an object; one that isn't there is removed already.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn remove(&self, key: &str) -> Result<()> {
        match self.objects.delete(&Key::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Files under `folder` that hold parts of an upload: their names end in `#` and a number.
async fn staged(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let mut items = match tokio::fs::read_dir(&folder).await {
            Ok(items) => items,
            // Removed meanwhile.
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

/// Removes a file; one that isn't there is removed already.
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

/// An object being written: holds one part at a time, however long the object becomes.
#[derive(Debug)]
pub struct Writer {
    key: String,
    upload: Box<dyn MultipartUpload>,
    part: Vec<u8>,
    hasher: Sha256,
    size_bytes: u64,
}

impl Writer {
    /// Appends `bytes`.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.size_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PART - self.part.len()));
            self.part.extend_from_slice(now);
            if self.part.len() == PART {
                self.put_part().await?;
            }
            bytes = later;
        }
        Ok(())
    }

    /// Makes the object visible, whole.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn finish(mut self) -> Result<Stored> {
        if !self.part.is_empty() || self.size_bytes == 0 {
            self.put_part().await?;
        }
        self.upload.complete().await?;
        let Self { key, hasher, size_bytes, .. } = self;
        Ok(Stored { key, size_bytes, sha256: hasher.finalize().into() })
    }

    /// Gives it up and removes what was written of it.
    pub async fn abort(mut self) {
        if let Err(error) = self.upload.abort().await {
            tracing::warn!(artifact.key = self.key, %error, "upload could not be aborted; the sweep removes it");
        }
    }

    async fn put_part(&mut self) -> Result<()> {
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART));
        Ok(self.upload.put_part(PutPayload::from(part)).await?)
    }
}
