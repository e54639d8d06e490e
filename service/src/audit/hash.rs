//! The hashes of a log: the bytes that each is computed from, so that outsiders can check them.
//!
//! ```text
//! key f        = HKDF-SHA-256( salt, "daybook/2/" ‖ name of f ), the first 16 bytes
//! commitment f = SHA-256( 0x02 ‖ key f ‖ value of f )
//! record       = 0x02 ‖ organization ‖ sequence ‖ id ‖ timestamp ‖ recorded at ‖ recorded by
//!                ‖ actor type ‖ action ‖ outcome ‖ resource type ‖ commitments
//! leaf hash    = SHA-256( 0x00 ‖ record )
//! chain hash   = SHA-256( 0x02 ‖ chain hash of the previous entry ‖ leaf hash )
//! node hash    = SHA-256( 0x01 ‖ left ‖ right )
//! ```
//!
//! Numbers are 8 bytes, big-endian. Instants are microseconds since 1970 (signed). UUIDs are their
//! 16 bytes. A text of the record is its length in 4 bytes and its UTF-8. The chain hash before the
//! first entry is 32 zero bytes. Leaf and node hashes make the Merkle tree of RFC 6962, section 2.1.
//!
//! The commitments are those of [`FIELDS`], in that order. A value is `0x01` and its UTF-8, or
//! `0x00` if it is absent; structured values are their JSON, as stored. HKDF (RFC 5869) takes the
//! entry's salt of 32 random bytes as its input key and no salt of its own.
//!
//! What can name a person enters the hashes only through commitments: with its salt, an erased value
//! takes away all means to guess it, and every hash still proves everything else.

mod commitments;
mod tree;

use daybook_entity::audit_log;
use sea_orm::ActiveEnum;
use sha2::{Digest, Sha256};

use commitments::HASH_VERSION;
pub use commitments::{Commitments, FIELDS, MissingSalt};
pub use tree::{Edge, HASH_BYTES, Hash, MalformedEdge};

/// The chain hash before the first entry, 32 zero bytes.
pub const GENESIS: Hash = [0; HASH_BYTES];

/// First byte of what a leaf's hash is computed from (RFC 6962, section 2.1).
const LEAF: u8 = 0;

/// Computes the leaf hash of `entry` from its values in the clear and the commitments of the others.
#[must_use]
pub fn leaf(entry: &audit_log::Model, commitments: &Commitments) -> Hash {
    let mut hasher = Sha256::new_with_prefix([LEAF, HASH_VERSION]);
    hasher.update(entry.organization_id.as_bytes());
    hasher.update(entry.sequence.to_be_bytes());
    hasher.update(entry.id.as_bytes());
    hasher.update(entry.timestamp.timestamp_micros().to_be_bytes());
    hasher.update(entry.recorded_at.timestamp_micros().to_be_bytes());
    text(&mut hasher, &entry.recorded_by);
    text(&mut hasher, &entry.actor_type.to_value());
    text(&mut hasher, &entry.action);
    text(&mut hasher, &entry.outcome.to_value());
    text(&mut hasher, &entry.resource_type);
    for commitment in commitments.iter() {
        hasher.update(commitment);
    }
    hasher.finalize().into()
}

/// Computes the chain hash of an entry from that of the previous entry and the entry's leaf hash.
#[must_use]
pub fn chain(previous: &[u8], leaf: &Hash) -> Hash {
    let mut hasher = Sha256::new_with_prefix([HASH_VERSION]);
    hasher.update(previous);
    hasher.update(leaf);
    hasher.finalize().into()
}

fn text(hasher: &mut Sha256, value: &str) {
    // Limits keep every text far below 4 GiB.
    hasher.update(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
    hasher.update(value);
}
