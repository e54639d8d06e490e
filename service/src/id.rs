//! Public IDs: opaque, typed, and naming the organization, so that every lookup names it too.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// The public ID of something; the GraphQL specification for Node calls it a global ID.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum GlobalId {
    /// An organization.
    Organization(Uuid),
    /// An audit log entry.
    AuditLog {
        /// Whose log.
        organization_id: Uuid,
        /// Where in the log: finds the row.
        sequence: i64,
        /// Its identity: must be the row's.
        id: Uuid,
    },
    /// A job of any kind.
    Job {
        /// For whom.
        organization_id: Uuid,
        /// Its identity.
        id: Uuid,
    },
    /// A workspace.
    Workspace {
        /// Whose.
        organization_id: Uuid,
        /// Its identity.
        id: Uuid,
    },
    /// A note.
    Note {
        /// Whose.
        organization_id: Uuid,
        /// Its identity.
        id: Uuid,
    },
}

/// The text is not an ID that this instance gives out.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an ID")]
pub struct NotAnId;

impl fmt::Display for GlobalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(41);
        match self {
            Self::Organization(id) => {
                bytes.push(b'O');
                bytes.extend(id.as_bytes());
            }
            Self::AuditLog { organization_id, sequence, id } => {
                bytes.push(b'A');
                bytes.extend(organization_id.as_bytes());
                bytes.extend(sequence.to_be_bytes());
                bytes.extend(id.as_bytes());
            }
            Self::Job { organization_id, id } => put(&mut bytes, b'J', organization_id, id),
            Self::Workspace { organization_id, id } => put(&mut bytes, b'W', organization_id, id),
            Self::Note { organization_id, id } => put(&mut bytes, b'N', organization_id, id),
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// A tag, an organization and something of it.
fn put(bytes: &mut Vec<u8>, tag: u8, organization_id: &Uuid, id: &Uuid) {
    bytes.push(tag);
    bytes.extend(organization_id.as_bytes());
    bytes.extend(id.as_bytes());
}

impl FromStr for GlobalId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotAnId)?;
        let uuid = |range: std::ops::Range<usize>| {
            bytes.get(range).and_then(|bytes| Uuid::from_slice(bytes).ok()).ok_or(NotAnId)
        };
        match (bytes.first(), bytes.len()) {
            (Some(b'O'), 17) => Ok(Self::Organization(uuid(1..17)?)),
            (Some(b'A'), 41) => {
                let sequence = bytes.get(17..25).and_then(|bytes| bytes.try_into().ok());
                Ok(Self::AuditLog {
                    organization_id: uuid(1..17)?,
                    sequence: i64::from_be_bytes(sequence.ok_or(NotAnId)?),
                    id: uuid(25..41)?,
                })
            }
            (Some(tag @ (b'J' | b'W' | b'N')), 33) => {
                let (organization_id, id) = (uuid(1..17)?, uuid(17..33)?);
                Ok(match tag {
                    b'J' => Self::Job { organization_id, id },
                    b'W' => Self::Workspace { organization_id, id },
                    _ => Self::Note { organization_id, id },
                })
            }
            _ => Err(NotAnId),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_read_back_and_nothing_else_does(a: u128, b: u128, sequence: i64, text: String) {
            let (organization_id, id) = (Uuid::from_u128(a), Uuid::from_u128(b));
            for global in [
                GlobalId::Organization(id),
                GlobalId::AuditLog { organization_id, sequence, id },
                GlobalId::Job { organization_id, id },
                GlobalId::Workspace { organization_id, id },
                GlobalId::Note { organization_id, id },
            ] {
                prop_assert_eq!(global.to_string().parse(), Ok(global));
            }
            if let Ok(global) = text.parse::<GlobalId>() {
                prop_assert_eq!(global.to_string(), text);
            }
        }
    }
}
