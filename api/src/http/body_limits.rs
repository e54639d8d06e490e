//! Limits on the size of request bodies.
//!
//! A note may have 1 MiB, and JSON takes up to six bytes for each of its characters (`\u001b`).
//! Therefore a request with a credential may have a long body, of which at most 1 MiB is outside of
//! strings. A request without a credential has nothing to send but a document.

/// Maximum number of bytes outside of strings in any body.
pub(super) const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Maximum size of a body with a credential: the longest encoding of a note, and 1 MiB for the rest.
pub(super) const MAX_BYTES_WITH_CREDENTIAL: usize =
    6 * daybook_service::notes::BODY_BYTES + MAX_BODY_BYTES;
/// Bytes that a body without a credential may have in addition to the longest document.
pub(super) const MAX_BYTES_BESIDE_DOCUMENT: usize = 64 * 1024;

/// The kind of sender of a request: one with a valid credential, or one without.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    Held,
    None,
}
