//! Entries about files that leave: who was given a link, and who downloaded.
//!
//! Whoever holds a link may use it as often as they like, and whoever may have one may ask as often.
//! A link is one entry when it is given out and one for each client that uses it, however often, in
//! however many ranges and through however many nodes: each such entry has an idempotency key.

use std::{net::IpAddr, sync::Arc};

use daybook_entity::artifact;
use serde_json::{Value, json};

use super::link::Link;
use crate::{
    Core, Permission, Purpose, Result, Scope, Viewer,
    audit::{self, Metadata, NewEntry, Recorder},
    hex, tenancy,
};

/// A way in which a file leaves, or a link to it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Handout {
    /// A link of Daybook's is given out: each client that uses it is an entry of its own.
    Link,
    /// A link of the bucket's is given out: what it is used for is not seen.
    BucketLink,
    /// The file itself is in an answer.
    Inline,
    /// A client at this address uses a link.
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

    /// The key under which an entry is recorded once. Nobody can guess it, and record it before.
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

/// Reports whether the log already says of `link` what `handout` says.
///
/// # Errors
/// A database fault.
pub async fn is_recorded(core: &Core, link: &Link, handout: Handout) -> Result<bool> {
    let key = handout.key(core, link);
    let found = audit::is_recorded(core, link.organization_id, &key);
    // The link itself is the right to ask.
    tenancy::only(link.organization_id, found).await
}

/// Records `handout`, unless the log already says so.
///
/// # Errors
/// A database fault: then the file must not leave.
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
    let mut entry = super::entry(&viewer, handout.action(), artifact);
    say(&mut entry, "via", handout.via().into());
    if let Handout::Download(address) = handout {
        let metadata = entry.metadata.get_or_insert_default();
        metadata.ip_address = Some(address.to_canonical().to_string());
    }
    let scope = scope(core, viewer, artifact);
    recorder.record_once(&scope, handout.key(core, link), entry).await
}

/// The right to append to the log of the artifact's organization, wherever the viewer belongs.
fn scope(core: &Arc<Core>, viewer: Viewer, artifact: &artifact::Model) -> Scope {
    Scope::system(core, artifact.organization_id, viewer, Permission::ExportAuditLog)
}

/// Adds a value to what an entry says beside its fields.
pub(crate) fn say(entry: &mut NewEntry, name: &str, value: Value) {
    let Metadata { extra, .. } = entry.metadata.get_or_insert_default();
    extra.get_or_insert_with(|| json!({}))[name] = value;
}

/// An address, as far as it tells clients apart: who has an IPv6 address has 2^64 of them.
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
