//! An upload that is going on: parts in, one object out, or nothing.

use bytes::Bytes;
use object_store::{MultipartUpload, PutPayload};

use super::bucket::BucketUpload;
use crate::Result;

/// An upload, by where it goes.
pub(super) enum Upload {
    Folder(Box<dyn MultipartUpload>),
    Bucket(BucketUpload),
}

/// Bytes of a part on this machine: large enough that parts cost nothing, small enough to hold some.
const FOLDER_PART: usize = 256 * 1024;
/// Bytes of a part in a bucket: the least that S3 takes.
const BUCKET_PART: usize = 5 * 1024 * 1024;

impl Upload {
    pub(super) fn folder(upload: Box<dyn MultipartUpload>) -> Self {
        Self::Folder(upload)
    }

    /// Bytes of each part but the last.
    pub(super) fn part_bytes(&self) -> usize {
        match self {
            Self::Folder(_) => FOLDER_PART,
            Self::Bucket(_) => BUCKET_PART,
        }
    }

    pub(super) async fn put_part(&mut self, part: Bytes) -> Result<()> {
        let part = PutPayload::from(part);
        match self {
            Self::Folder(upload) => Ok(upload.put_part(part).await?),
            Self::Bucket(upload) => upload.put_part(part).await,
        }
    }

    /// Makes the object visible.
    pub(super) async fn complete(self) -> Result<()> {
        match self {
            Self::Folder(mut upload) => {
                upload.complete().await?;
                Ok(())
            }
            Self::Bucket(upload) => upload.complete().await,
        }
    }

    /// Removes what was stored.
    pub(super) async fn abort(self) -> Result<()> {
        match self {
            Self::Folder(mut upload) => Ok(upload.abort().await?),
            Self::Bucket(upload) => upload.abort().await,
        }
    }
}
