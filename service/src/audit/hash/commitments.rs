//! Commitments: values that enter the hashes without being revealed by them.

use daybook_entity::audit_log;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};

use super::tree::Hash;

/// First byte of a commitment and of a record.
pub(super) const HASH_VERSION: u8 = 2;
/// Length in bytes of a value's key.
const KEY_BYTES: usize = 16;
/// First byte of an absent value.
const ABSENT: u8 = 0;
/// First byte of a value that is there.
const PRESENT: u8 = 1;

/// Returns the stored value of a field.
type Value = fn(&audit_log::Model) -> Option<&str>;

/// The committed fields, in the order of their commitments: the text from which the key is derived,
/// and the value.
pub const FIELDS: [(&str, Value); 12] = [
    ("daybook/2/actorId", |entry| Some(&entry.actor_id)),
    ("daybook/2/actorEmail", |entry| entry.actor_email.as_deref()),
    ("daybook/2/actorName", |entry| entry.actor_name.as_deref()),
    ("daybook/2/onBehalfOf", |entry| entry.on_behalf_of.as_deref()),
    ("daybook/2/resourceId", |entry| Some(&entry.resource_id)),
    ("daybook/2/resourceName", |entry| entry.resource_name.as_deref()),
    ("daybook/2/relatedResources", |entry| Some(&entry.related_resources)),
    ("daybook/2/requestId", |entry| entry.request_id.as_deref()),
    ("daybook/2/ipAddress", |entry| entry.ip_address.as_deref()),
    ("daybook/2/userAgent", |entry| entry.user_agent.as_deref()),
    ("daybook/2/changes", |entry| Some(&entry.changes)),
    ("daybook/2/extra", |entry| entry.extra.as_deref()),
];

/// The commitments of an entry's values, one for each of [`FIELDS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitments([Hash; FIELDS.len()]);

/// An entry without its salt, whose commitments can't be computed.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entry has no salt")]
pub struct MissingSalt;

impl Commitments {
    /// Computes the commitments of `entry`.
    ///
    /// # Errors
    /// An entry without salt.
    pub fn of(entry: &audit_log::Model) -> Result<Self, MissingSalt> {
        let salt = entry.salt.as_deref().ok_or(MissingSalt)?;
        let keys = Hkdf::<Sha256>::new(None, salt);
        let commitments = FIELDS.map(|(info, value)| {
            let mut key = [0; KEY_BYTES];
            keys.expand(info.as_bytes(), &mut key).expect("HKDF gives up to 8,160 bytes");
            commitment(&key, value(entry))
        });
        Ok(Self(commitments))
    }

    /// Returns the commitments, in the order of [`FIELDS`].
    pub fn iter(&self) -> impl Iterator<Item = &Hash> {
        self.0.iter()
    }
}

fn commitment(key: &[u8; KEY_BYTES], value: Option<&str>) -> Hash {
    let mut hasher = Sha256::new_with_prefix([HASH_VERSION]);
    hasher.update(key);
    match value {
        None => hasher.update([ABSENT]),
        Some(value) => {
            hasher.update([PRESENT]);
            hasher.update(value);
        }
    }
    hasher.finalize().into()
}
