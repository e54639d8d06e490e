//! Audit entries about links that are issued and files that are downloaded.
//!
//! Links may be requested and used any number of times. A link is recorded once when it is issued,
//! and once for each client that uses it, however often, in however many ranges and through however
//! many nodes: each such entry has an idempotency key.

use std::{net::IpAddr, sync::Arc};

use daybook_entity::artifact;
use serde_json::json;

use super::{entry::entry, link::Link};
use crate::{
    Core, Permission, Purpose, Result, Scope, Viewer,
    audit::{self, Recorder},
    hex, tenancy,
};

/// A way in which a file, or a link to it, is handed out.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Handout {
    /// A link to Daybook is issued. Each client that uses it is recorded separately.
    Link,
    /// A presigned link to the bucket is issued. Its use is not seen, and so not recorded.
    BucketLink,
    /// The file itself is part of a response.
    Inline,
    /// A client at this address downloads the file by a link.
    Download(IpAddr),
}

impl Handout {
    fn action(self) -> &'static str {
        match self {
            Self::Link | Self::BucketLink => "artifact.link_issued",
            Self::Inline | Self::Download(_) => "artifact.downloaded",
        }
    }

    fn via(self) -> &'static str {
        match self {
            Self::Link => "daybook",
            Self::BucketLink => "bucket",
            Self::Inline => "inline",
            Self::Download(_) => "link",
        }
    }

    /// Returns the idempotency key of the entry. It is signed, so that nobody can guess it and
    /// record another entry under it first.
    fn key(self, core: &Core, link: &Link) -> String {
        let client = match self {
            Self::Download(address) => network(address),
            Self::Link | Self::BucketLink | Self::Inline => Vec::new(),
        };
        let parts: [&[u8]; 4] =
            [b"entry", self.via().as_bytes(), &link.identity(), client.as_slice()];
        format!("artifact {}", hex(&core.secret.sign(Purpose::Link, &parts)))
    }
}

/// Reports whether `handout` of `link` has been recorded already.
///
/// # Errors
/// A database fault.
pub async fn is_recorded(core: &Core, link: &Link, handout: Handout) -> Result<bool> {
    let key = handout.key(core, link);
    let found = audit::is_recorded(core, link.organization_id, &key);
    // The link itself grants the right to ask.
    tenancy::only(link.organization_id, found).await
}

/// Records `handout`, unless it has been recorded already.
///
/// # Errors
/// A database fault. The file or link must not be handed out then.
pub async fn record(
    recorder: &Recorder,
    core: &Arc<Core>,
    viewer: Viewer,
    (link, artifact): (&Link, &artifact::Model),
    handout: Handout,
) -> Result<()> {
    if is_recorded(core, link, handout).await? {
        return Ok(());
    }
    let mut entry = entry(&viewer, handout.action(), artifact);
    entry.add_extra(json!({ "via": handout.via() }));
    let scope = scope(core, viewer, artifact);
    recorder.record_once(&scope, handout.key(core, link), entry).await
}

/// Returns a scope that may append to the log of the artifact's organization, even if the viewer
/// belongs to another one.
fn scope(core: &Arc<Core>, viewer: Viewer, artifact: &artifact::Model) -> Scope {
    Scope::system(core, artifact.organization_id, viewer, Permission::ExportAuditLog)
}

/// Returns the part of an address that identifies a client: all of an IPv4 address, but only the
/// first 64 bits of an IPv6 address, since a client has all addresses of such a network.
fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_is_an_address_or_a_network_of_64_bits() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
