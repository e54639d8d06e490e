//! The object store of artifacts: a folder on this machine, or an S3-compatible bucket.

mod bucket;
mod compression;
mod folder;
mod identity;
mod probe;
pub(crate) mod seal;
mod tryout;
mod unfinished;
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

pub(crate) use self::unfinished::Unfinished;
use self::{bucket::Bucket, folder::FolderUpload, unfinished::At, upload::Upload};
pub use self::{
    bucket::Links,
    compression::{Compression, Ending},
    writer::Writer,
};
use crate::{Fault, Result, private};

/// Size in bytes of a part in a folder: large enough to cost little, small enough to hold a few in
/// memory.
const FOLDER_PART: usize = 256 * 1024;
/// Size in bytes of a part in a bucket: the minimum that S3 allows.
const BUCKET_PART: usize = 5 * 1024 * 1024;

/// Stream of an object's bytes.
pub type Bytes = BoxStream<'static, Result<bytes::Bytes, object_store::Error>>;

/// Object store that artifacts are kept in.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    identity: Arc<OnceCell<String>>,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// A folder on this machine, where uploads are staged as files.
    Folder(PathBuf),
    /// An S3-compatible bucket.
    Bucket { bucket: Bucket, url: String },
}

/// An object that has been stored completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Key of the object.
    pub key: String,
    /// Size of the object in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the object's bytes.
    pub sha256: [u8; 32],
    /// Identity of the store that has the object.
    pub store: String,
}

impl Store {
    /// Opens a folder on this machine as a store. Creates the folder, accessible to its owner only,
    /// if it is missing. Objects are fsynced before they get their names.
    ///
    /// # Errors
    /// A folder that can't be created or used.
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

    /// Returns an empty store that stands for the missing folder at `path`, without creating it.
    #[must_use]
    pub fn missing_folder(path: &Path) -> Self {
        Self {
            objects: Arc::new(InMemory::new()),
            identity: Arc::default(),
            place: Place::Folder(path.to_owned()),
        }
    }

    /// Opens the bucket `s3://BUCKET/PREFIX` as a store. Region, credentials and endpoint are read
    /// from the usual `AWS_*` environment variables.
    ///
    /// # Errors
    /// An invalid URL; invalid or incomplete environment variables.
    pub fn bucket(url: &str, links: Links) -> Result<Self> {
        let bucket = Bucket::open(url, links)?;
        let url = url.to_owned();
        Ok(Self {
            objects: bucket.objects(),
            identity: Arc::default(),
            place: Place::Bucket { bucket, url },
        })
    }

    /// Returns the URL of the store.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.place {
            Place::Folder(folder) => format!("file:{}", folder.display()),
            Place::Bucket { url, .. } => url.clone(),
        }
    }

    /// Returns the file that holds an object, or `None` if the store is a bucket.
    fn file(&self, key: &str) -> Option<PathBuf> {
        match &self.place {
            Place::Folder(folder) => Some(folder.join(key)),
            Place::Bucket { .. } => None,
        }
    }

    /// True if the store is a folder, which only machines that share the folder can read.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// Returns the size in bytes of each part of an upload except the last.
    fn part_bytes(&self) -> usize {
        match self.place {
            Place::Folder(_) => FOLDER_PART,
            Place::Bucket { .. } => BUCKET_PART,
        }
    }

    /// True if a buffer of this many bytes can be stored as a part without being split or copied.
    /// Only folders take parts of any size; smaller buffers are gathered into parts.
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
            Place::Bucket { bucket, .. } => Ok(Upload::Bucket(bucket.upload(key).await?)),
        }
    }

    /// Stores an object in one step.
    async fn put(&self, key: &str, bytes: bytes::Bytes) -> Result<()> {
        self.objects.put(&Key::from(key), bytes.into()).await?;
        Ok(())
    }

    /// Verifies that an object exists and has the size that was written.
    ///
    /// # Errors
    /// An object that is missing or has another size; a fault of the store.
    pub async fn confirm(&self, stored: &Stored) -> Result<()> {
        let found = self.objects.head(&Key::from(stored.key.as_str())).await?;
        if found.size == stored.size_bytes {
            return Ok(());
        }
        let context = format!("{} has {} bytes, not {}", stored.key, found.size, stored.size_bytes);
        let source = std::io::ErrorKind::UnexpectedEof.into();
        Err(Fault::Io { context, source }.into())
    }

    /// Returns a presigned URL of the bucket, valid for `ttl`, that downloads an object as
    /// `file_name`. Returns `None` if the store is a folder or its links lead to Daybook.
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

    /// Reads an object, or a range of its bytes.
    ///
    /// # Errors
    /// A missing object; a fault of the store.
    pub async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.objects.get_opts(&Key::from(key), options).await?;
        Ok(match found.payload {
            GetResultPayload::File(file, _) => folder::stream(file, found.range).await?.boxed(),
            GetResultPayload::Stream(stream) => stream,
        })
    }

    /// Lists the keys of all objects, with the time when each was last modified.
    pub(crate) fn list(&self) -> BoxStream<'static, Result<(String, DateTime<Utc>)>> {
        let objects = self.objects.list(None);
        objects
            .map(|object| {
                let object = object?;
                Ok((object.location.to_string(), object.last_modified))
            })
            .boxed()
    }

    /// True if an object with this key exists.
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

    /// Returns unfinished uploads. Their processes may still be uploading, or may have been killed.
    pub(crate) async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        match &self.place {
            Place::Folder(folder) => folder::unfinished(folder).await,
            Place::Bucket { bucket, .. } => bucket.unfinished().await,
        }
    }

    /// Aborts an unfinished upload, and removes its stored parts.
    pub(crate) async fn discard(&self, unfinished: Unfinished) -> Result<()> {
        match (&self.place, unfinished.at) {
            (_, At::File(file)) => folder::remove_file(&file).await,
            (Place::Bucket { bucket, .. }, At::Bucket(id)) => {
                bucket.abort(&unfinished.key, &id).await
            }
            (Place::Folder(_), At::Bucket(_)) => Ok(()),
        }
    }

    /// Removes an object. Succeeds if there is no such object.
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
