//! The object store: a folder of this machine, or an S3-compatible bucket.

mod bucket;
mod compression;
mod folder;
mod identity;
mod probe;
pub(crate) mod seal;
mod tryout;
mod upload;
mod writer;

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt, local::LocalFileSystem,
    memory::InMemory, path::Path as Key,
};
use tokio::sync::OnceCell;

use self::{bucket::Bucket, folder::FolderUpload, upload::Upload};
pub use self::{
    bucket::Links,
    compression::{Compression, Ending},
    writer::Writer,
};
use crate::{Fault, Result, private};

/// Bytes of a part on this machine: large enough that parts cost nothing, small enough to hold some.
const FOLDER_PART: usize = 256 * 1024;
/// Bytes of a part in a bucket: the least that S3 takes.
const BUCKET_PART: usize = 5 * 1024 * 1024;

/// Bytes of an object as they come.
pub type Bytes = BoxStream<'static, std::result::Result<bytes::Bytes, object_store::Error>>;

/// Where artifacts are.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    identity: Arc<OnceCell<String>>,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// A folder of this machine, where uploads are staged as files.
    Folder(PathBuf),
    /// An S3-compatible bucket.
    Bucket { bucket: Bucket, url: String },
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
    /// The identity of the store that it is in.
    pub store: String,
}

impl Store {
    /// A folder on this machine, made for its owner alone where it's missing. What is written there is fsynced before
    /// it gets its name.
    ///
    /// # Errors
    /// A folder that can't be made or used.
    pub fn folder(path: &Path) -> Result<Self> {
        private::make_folder(path).map_err(|source| Fault::Io {
            context: format!("can't make the folder {}", path.display()),
            source,
        })?;
        let objects =
            LocalFileSystem::new_with_prefix(path)?.with_automatic_cleanup(true).with_fsync(true);
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(Self {
            objects: Arc::new(objects),
            identity: Arc::default(),
            place: Place::Folder(path),
        })
    }

    /// The folder at `path` before it is made: a store that has nothing in it. The folder is not made.
    #[must_use]
    pub fn missing_folder(path: &Path) -> Self {
        Self {
            objects: Arc::new(InMemory::new()),
            identity: Arc::default(),
            place: Place::Folder(path.to_owned()),
        }
    }

    /// A bucket, `s3://BUCKET/PREFIX`; region, credentials and endpoint are taken from the `AWS_*`
    /// variables that other programs take them from.
    ///
    /// # Errors
    /// A URL or variables that can't be used.
    pub fn bucket(url: &str, links: Links) -> Result<Self> {
        let bucket = Bucket::open(url, links)?;
        let url = url.to_owned();
        Ok(Self {
            objects: bucket.objects(),
            identity: Arc::default(),
            place: Place::Bucket { bucket, url },
        })
    }

    /// URL of the store.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.place {
            Place::Folder(folder) => format!("file:{}", folder.display()),
            Place::Bucket { url, .. } => url.clone(),
        }
    }

    /// The file that holds an object, where the store is a folder.
    fn file(&self, key: &str) -> Option<PathBuf> {
        match &self.place {
            Place::Folder(folder) => Some(folder.join(key)),
            Place::Bucket { .. } => None,
        }
    }

    /// True if only this machine, or who shares the folder, has it.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// Begins an object; nothing is visible under its key before [`Writer::finish`].
    ///
    /// # Errors
    /// A compressor that can't be made.
    pub fn write(&self, key: &str, compression: Compression, ending: Ending) -> Result<Writer> {
        Writer::new(self, key, (compression, ending))
    }

    /// Bytes of each part of an upload but the last.
    fn part_bytes(&self) -> usize {
        match self.place {
            Place::Folder(_) => FOLDER_PART,
            Place::Bucket { .. } => BUCKET_PART,
        }
    }

    /// Whether so many bytes may be a part as they are: a folder takes parts of any length.
    fn takes_as_part(&self, bytes: usize) -> bool {
        matches!(self.place, Place::Folder(_)) && bytes >= FOLDER_PART
    }

    /// Begins an upload in parts.
    async fn begin(&self, key: &str) -> Result<Upload> {
        match &self.place {
            Place::Folder(folder) => {
                let upload = self.objects.put_multipart(&Key::from(key)).await?;
                Ok(Upload::Folder(FolderUpload::new(upload, &folder.join(key))))
            }
            Place::Bucket { bucket, .. } => bucket.upload(key).await,
        }
    }

    /// Stores an object in one step.
    async fn put(&self, key: &str, bytes: bytes::Bytes) -> Result<()> {
        self.objects.put(&Key::from(key), bytes.into()).await?;
        Ok(())
    }

    /// Makes sure that an object is there as it was written.
    ///
    /// # Errors
    /// An object that is not there or of another length; a fault of the store.
    pub async fn confirm(&self, stored: &Stored) -> Result<()> {
        let found = self.objects.head(&Key::from(stored.key.as_str())).await?;
        if found.size == stored.size_bytes {
            return Ok(());
        }
        let context = format!("{} has {} bytes, not {}", stored.key, found.size, stored.size_bytes);
        let source = std::io::ErrorKind::UnexpectedEof.into();
        Err(Fault::Io { context, source }.into())
    }

    /// A URL of the bucket's own that downloads an object, under `file_name`, for as long as `ttl`;
    /// none where links are to be Daybook's.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn presign(
        &self,
        key: &str,
        file_name: &str,
        ttl: Duration,
    ) -> Result<Option<String>> {
        match &self.place {
            Place::Folder(_) => Ok(None),
            Place::Bucket { bucket, .. } => bucket.presign(key, file_name, ttl).await,
        }
    }

    /// The bytes of an object, or of a range of it.
    ///
    /// # Errors
    /// A fault of the store, a missing object included.
    pub async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.objects.get_opts(&Key::from(key), options).await?;
        Ok(match found.payload {
            GetResultPayload::File(file, _) => folder::stream(file, found.range).await?.boxed(),
            GetResultPayload::Stream(stream) => stream,
        })
    }

    /// The keys of all objects, and since when each is there.
    pub(crate) fn list(&self) -> BoxStream<'static, Result<(String, DateTime<Utc>)>> {
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
    pub(crate) async fn has(&self, key: &str) -> Result<bool> {
        match self.objects.head(&Key::from(key)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Uploads that are not finished: their process may be at it, or may have been killed.
    pub(crate) async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        match &self.place {
            Place::Folder(folder) => folder::unfinished(folder).await,
            Place::Bucket { bucket, .. } => bucket.unfinished().await,
        }
    }

    /// Gives an unfinished upload up, with what it has stored.
    pub(crate) async fn discard(&self, unfinished: Unfinished) -> Result<()> {
        match (&self.place, unfinished.at) {
            (_, At::File(file)) => folder::remove_file(&file).await,
            (Place::Bucket { bucket, .. }, At::Bucket(id)) => {
                bucket.abort(&unfinished.key, &id).await
            }
            (Place::Folder(_), At::Bucket(_)) => Ok(()),
        }
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

/// An upload that is not finished.
pub(crate) struct Unfinished {
    /// The key that its object would have.
    pub(crate) key: String,
    at: At,
}

/// Where an unfinished upload is.
enum At {
    /// A file that holds what was written.
    File(PathBuf),
    /// The bucket's id of it.
    Bucket(String),
}
