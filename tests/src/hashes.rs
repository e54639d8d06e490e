//! The hashes of a log, computed as `service/src/audit/hash.rs` documents them, without the code under test.

use daybook_entity::audit_log;
use sea_orm::ActiveEnum;
use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Computes an entry's leaf hash.
pub fn leaf(entry: &audit_log::Model) -> Hash {
    let mut bytes = vec![0, 2];
    bytes.extend(entry.organization_id.as_bytes());
    bytes.extend(entry.sequence.to_be_bytes());
    bytes.extend(entry.id.as_bytes());
    bytes.extend(entry.timestamp.timestamp_micros().to_be_bytes());
    bytes.extend(entry.recorded_at.timestamp_micros().to_be_bytes());
    let (actor_type, outcome) = (entry.actor_type.to_value(), entry.outcome.to_value());
    for text in [&entry.recorded_by, &actor_type, &entry.action, &outcome, &entry.resource_type] {
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    let fields = [
        ("actorId", Some(&entry.actor_id)),
        ("actorEmail", entry.actor_email.as_ref()),
        ("actorName", entry.actor_name.as_ref()),
        ("onBehalfOf", entry.on_behalf_of.as_ref()),
        ("resourceId", Some(&entry.resource_id)),
        ("resourceName", entry.resource_name.as_ref()),
        ("relatedResources", Some(&entry.related_resources)),
        ("requestId", entry.request_id.as_ref()),
        ("ipAddress", entry.ip_address.as_ref()),
        ("userAgent", entry.user_agent.as_ref()),
        ("changes", Some(&entry.changes)),
        ("extra", entry.extra.as_ref()),
    ];
    let salt = entry.salt.as_ref().unwrap();
    assert_eq!(salt.len(), 32);
    for (name, value) in fields {
        bytes.extend(commitment(salt, name, value.map(String::as_str)));
    }
    hash(&[&bytes])
}

fn commitment(salt: &[u8], name: &str, value: Option<&str>) -> Hash {
    let key = hmac(&hmac(&[0; 32], &[salt]), &[b"daybook/2/", name.as_bytes(), &[1]]);
    let value = value.map_or_else(|| vec![0], |value| [&[1], value.as_bytes()].concat());
    hash(&[&[2], &key[..16], &value])
}

/// Computes an entry's chain hash.
pub fn chain(previous: &[u8], leaf: &Hash) -> Hash {
    hash(&[&[2], previous, leaf])
}

/// Computes the roots of the perfect subtrees of a tree, largest first.
pub fn edge(leaves: &[Hash]) -> Vec<u8> {
    let mut edge = Vec::new();
    let mut rest = leaves;
    while !rest.is_empty() {
        let (left, right) = rest.split_at(1 << rest.len().ilog2());
        edge.extend(root(left));
        rest = right;
    }
    edge
}

/// Computes the root of a tree that is not empty (RFC 6962, section 2.1).
pub fn root(leaves: &[Hash]) -> Hash {
    if let [leaf] = leaves {
        return *leaf;
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    hash(&[&[1], &root(left), &root(right)])
}

/// HMAC-SHA-256 (RFC 2104) with a key of 32 bytes.
fn hmac(key: &Hash, parts: &[&[u8]]) -> Hash {
    let pad = |byte: u8| {
        let mut pad = [byte; 64];
        pad.iter_mut().zip(key).for_each(|(pad, key)| *pad ^= key);
        pad
    };
    let (inner, outer) = (pad(0x36), pad(0x5c));
    let inner = hash(&[&[&inner[..]], parts].concat());
    hash(&[&outer, &inner])
}

fn hash(parts: &[&[u8]]) -> Hash {
    Sha256::digest(parts.concat()).into()
}
