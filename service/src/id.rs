//! Public IDs: opaque, typed, and with the organization in them, so that every look-up names it
//! too.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// The public ID of an object, called a global ID in GraphQL's specification of Node.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum GlobalId {
    /// An organization.
    Organization(Uuid),
    /// An audit log entry.
    AuditLog {
        /// The organization that the log belongs to.
        organization_id: Uuid,
        /// The sequence number in the log, by which the row is found.
        sequence: i64,
        /// The UUID of the entry, which must equal the row's.
        id: Uuid,
    },
    /// A job of any kind.
    Job {
        /// The organization that the job belongs to.
        organization_id: Uuid,
        /// The UUID of the object.
        id: Uuid,
    },
    /// An API key.
    ApiKey {
        /// The organization that the key belongs to.
        organization_id: Uuid,
        /// The UUID of the object.
        id: Uuid,
    },
    /// A workspace.
    Workspace {
        /// The organization that the object belongs to.
        organization_id: Uuid,
        /// The UUID of the object.
        id: Uuid,
    },
    /// A note.
    Note {
        /// The organization that the object belongs to.
        organization_id: Uuid,
        /// The UUID of the object.
        id: Uuid,
    },
}

/// The text is not an ID that this instance gives out.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an ID")]
pub struct NotAnId;

impl GlobalId {
    /// Appends the ID's text to `out`.
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        let mut bytes = [0; 41];
        let length = match self {
            Self::Organization(id) => put(&mut bytes, b'O', &[id.as_bytes()]),
            Self::AuditLog { organization_id, sequence, id } => {
                let parts =
                    [organization_id.as_bytes(), &sequence.to_be_bytes()[..], id.as_bytes()];
                put(&mut bytes, b'A', &parts)
            }
            Self::Job { organization_id, id } => {
                put(&mut bytes, b'J', &[organization_id.as_bytes(), id.as_bytes()])
            }
            Self::ApiKey { organization_id, id } => {
                put(&mut bytes, b'K', &[organization_id.as_bytes(), id.as_bytes()])
            }
            Self::Workspace { organization_id, id } => {
                put(&mut bytes, b'W', &[organization_id.as_bytes(), id.as_bytes()])
            }
            Self::Note { organization_id, id } => {
                put(&mut bytes, b'N', &[organization_id.as_bytes(), id.as_bytes()])
            }
        };
        let mut text = [0; 55];
        // Four characters for three bytes: there is room for all of them.
        let written = URL_SAFE_NO_PAD.encode_slice(&bytes[..length], &mut text).unwrap_or(0);
        out.extend_from_slice(&text[..written]);
    }
}

/// Writes a tag and parts. Returns the number of bytes written.
fn put<const N: usize>(bytes: &mut [u8; 41], tag: u8, parts: &[&[u8]; N]) -> usize {
    bytes[0] = tag;
    parts.iter().fold(1, |start, part| {
        bytes[start..start + part.len()].copy_from_slice(part);
        start + part.len()
    })
}

impl fmt::Display for GlobalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(55);
        self.push(&mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
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
            (Some(tag @ (b'J' | b'K' | b'W' | b'N')), 33) => {
                let (organization_id, id) = (uuid(1..17)?, uuid(17..33)?);
                Ok(match tag {
                    b'J' => Self::Job { organization_id, id },
                    b'K' => Self::ApiKey { organization_id, id },
                    b'W' => Self::Workspace { organization_id, id },
                    _ => Self::Note { organization_id, id },
                })
            }
            _ => Err(NotAnId),
        }
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::fuzz::{edited_text, edits, text};
    use proptest::prelude::*;

    /// Any ID.
    fn id() -> impl Strategy<Value = GlobalId> {
        let number = || any::<u128>().prop_map(Uuid::from_u128);
        (number(), number(), any::<i64>(), 0..6_u8).prop_map(
            |(organization_id, id, sequence, kind)| match kind {
                0 => GlobalId::Organization(id),
                1 => GlobalId::AuditLog { organization_id, sequence, id },
                2 => GlobalId::Job { organization_id, id },
                3 => GlobalId::ApiKey { organization_id, id },
                4 => GlobalId::Workspace { organization_id, id },
                _ => GlobalId::Note { organization_id, id },
            },
        )
    }

    proptest! {
        #[test]
        fn ids_read_back_and_nothing_else_does(id in id(), edits in edits(), any in text()) {
            let given = id.to_string();
            prop_assert_eq!(given.parse(), Ok(id));
            // IDs are not signed: an edit may give another ID, but no ID has two texts.
            for text in [edited_text(&given, &edits), any] {
                if let Ok(other) = text.parse::<GlobalId>() {
                    prop_assert_eq!(other.to_string(), text);
                }
            }
        }
    }
}
