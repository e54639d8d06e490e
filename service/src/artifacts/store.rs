//! The object store.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path as Key,
};

use super::{Compression, Writer};
use crate::{Fault, Result};

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
    pub async fn write(&self, key: &str, compression: Compression) -> Result<Writer> {
        let upload = self.objects.put_multipart(&Key::from(key)).await?;
        Writer::new(key, upload, compression)
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

    /// The keys of all objects, and since when each is there.
    pub(super) fn list(&self) -> BoxStream<'static, Result<(String, DateTime<Utc>)>> {
        let objects = self.objects.list(None);
        objects
            .map(|object| {
                let object = object?;
                Ok((object.location.to_string(), object.last_modified))
            })
            .boxed()
    }

    /// Whether an object is there.
    ///
    /// # Errors
    /// A fault of the store.
    pub(super) async fn has(&self, key: &str) -> Result<bool> {
        match self.objects.head(&Key::from(key)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
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
