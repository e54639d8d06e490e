//! The reason for which a file can or can't be downloaded.

use async_graphql::Enum;
use daybook_service::artifacts;

/// The state of a file for you: available, or the reason why not.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "artifacts::Availability")]
pub(in crate::graphql) enum ArtifactAvailability {
    /// The file can be downloaded; `downloadUrl` is a link to it.
    Available,
    /// The file's time is over. Another job makes another file.
    Expired,
    /// The file was removed before its time was over: as an older backup, or because it was not in the
    /// artifact store of a restored instance.
    Removed,
    /// Your role allows you to see the job, but not to download what is in its file.
    NotAllowed,
    /// The file is a backup of the whole instance: `daybook backup download` gets it, on the host.
    OnHost,
}
