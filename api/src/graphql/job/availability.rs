//! The availability of a job's file to the viewer.

use async_graphql::Enum;
use daybook_service::artifacts;

/// The availability of a file to the viewer.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "artifacts::Availability")]
pub(in crate::graphql) enum ArtifactAvailability {
    /// The viewer can download the file from `downloadUrl`.
    Available,
    /// The file has expired. Repeat the export or backup to get a new one.
    Expired,
    /// The file was removed before it expired: to make room for newer backups, or because the
    /// artifact store of a restored instance did not have it.
    Removed,
    /// The viewer can see the job, but has no role that allows downloading its file.
    NotAllowed,
    /// The file is a backup of the whole instance. It can only be downloaded on the host, with
    /// `daybook backup download`.
    OnHost,
}
