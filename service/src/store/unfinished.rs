//! Unfinished uploads, whose processes may have been killed.

use std::path::PathBuf;

/// An unfinished upload.
pub(crate) struct Unfinished {
    /// Key of the object that the upload would create.
    pub(crate) key: String,
    pub(super) at: At,
}

/// Location of an unfinished upload.
pub(super) enum At {
    /// A staged file that holds the parts written so far.
    File(PathBuf),
    /// The ID of the upload in the bucket.
    Bucket(String),
}
