//! The compression of the files of exports and backups.

use async_graphql::Enum;
use daybook_service::store;

/// The compression of a file. The file is downloaded as it is stored, with the compression in its name
/// and media type.
#[derive(Enum, Copy, Clone, Debug, Default, PartialEq, Eq)]
#[graphql(remote = "store::Compression")]
pub(in crate::graphql) enum Compression {
    /// No compression.
    #[default]
    None,
    /// Gzip (RFC 1952), file extension `.gz`.
    Gzip,
    /// Zstandard (RFC 8878), file extension `.zst`. Smaller than GZIP, in a third of the time.
    Zstd,
}
