//! Uploads in parts, which become one object or are aborted.

use bytes::Bytes;
use object_store::PutPayload;

use super::{bucket::BucketUpload, folder::FolderUpload};
use crate::Result;

/// An upload to a folder or a bucket.
pub(super) enum Upload {
    Folder(FolderUpload),
    Bucket(BucketUpload),
}

impl Upload {
    pub(super) async fn put_part(&mut self, part: Bytes) -> Result<()> {
        let part = PutPayload::from(part);
        match self {
            Self::Folder(upload) => upload.put_part(part).await,
            Self::Bucket(upload) => upload.put_part(part).await,
        }
    }

    /// Makes the object visible.
    pub(super) async fn complete(self) -> Result<()> {
        match self {
            Self::Folder(upload) => upload.complete().await,
            Self::Bucket(upload) => upload.complete().await,
        }
    }

    /// Aborts the upload, and removes its stored parts.
    pub(super) async fn abort(self) -> Result<()> {
        match self {
            Self::Folder(upload) => upload.abort().await,
            Self::Bucket(upload) => upload.abort().await,
        }
    }
}
