//! The hash chain: the bytes from which an entry's hash is computed.
//!
//! ```text
//! commitment = SHA-256( 0x01 ‖ salt ‖ email? ‖ name? ‖ ip? ‖ agent? ‖ changes ‖ extra? )
//! hash       = SHA-256( 0x01 ‖ previous hash ‖ organization ‖ sequence ‖ id ‖ timestamp
//!                       ‖ recorded at ‖ recorded by ‖ actor type ‖ actor id ‖ action ‖ outcome
//!                       ‖ resource type ‖ resource id ‖ resource name? ‖ request id? ‖ commitment )
//! ```
//!
//! Numbers are 8 bytes, big-endian. Instants are microseconds since 1970 (signed). UUIDs are their
//! 16 bytes. A text is `0x01`, its length in 4 bytes, and its UTF-8; an absent text is `0x00`. The
//! previous hash of the first entry is 32 zero bytes.
//!
//! Personal values enter the hash only through the salted commitment: a log from which they were
//! erased still proves everything else.

use daybook_entity::audit_log;
use sea_orm::ActiveEnum;
use sha2::{Digest, Sha256};

/// The previous hash of the first entry, 32 zero bytes.
pub const GENESIS: [u8; 32] = [0; 32];

const HASH_VERSION: u8 = 1;

/// Computes the commitment of `entry` from its salt and personal values.
#[must_use]
pub fn commitment(entry: &audit_log::Model) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix([HASH_VERSION]);
    hasher.update(entry.salt.as_deref().unwrap_or_default());
    for value in [&entry.actor_email, &entry.actor_name, &entry.ip_address, &entry.user_agent] {
        text(&mut hasher, value.as_deref());
    }
    text(&mut hasher, Some(&entry.changes));
    text(&mut hasher, entry.extra.as_deref());
    hasher.finalize().into()
}

/// Computes the hash of `entry` from the previous hash and the entry's stored values, including its
/// commitment.
#[must_use]
pub fn chain(previous: &[u8], entry: &audit_log::Model) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix([HASH_VERSION]);
    hasher.update(previous);
    hasher.update(entry.organization_id.as_bytes());
    hasher.update(entry.sequence.to_be_bytes());
    hasher.update(entry.id.as_bytes());
    hasher.update(entry.timestamp.timestamp_micros().to_be_bytes());
    hasher.update(entry.recorded_at.timestamp_micros().to_be_bytes());
    text(&mut hasher, Some(&entry.recorded_by));
    text(&mut hasher, Some(&entry.actor_type.to_value()));
    text(&mut hasher, Some(&entry.actor_id));
    text(&mut hasher, Some(&entry.action));
    text(&mut hasher, Some(&entry.outcome.to_value()));
    text(&mut hasher, Some(&entry.resource_type));
    text(&mut hasher, Some(&entry.resource_id));
    text(&mut hasher, entry.resource_name.as_deref());
    text(&mut hasher, entry.request_id.as_deref());
    hasher.update(&entry.commitment);
    hasher.finalize().into()
}

fn text(hasher: &mut Sha256, value: Option<&str>) {
    match value {
        None => hasher.update([0]),
        Some(value) => {
            hasher.update([1]);
            // Limits keep every text far below 4 GiB.
            hasher.update(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
            hasher.update(value);
        }
    }
}
