//! The files of a format.

/// Properties of a format's files.
pub(in crate::exports) struct File {
    /// Media type.
    pub(in crate::exports) content_type: &'static str,
    /// File name extension, without the leading dot.
    pub(in crate::exports) extension: &'static str,
    /// True if the file's content is compressed already.
    pub(in crate::exports) is_compressed: bool,
}
