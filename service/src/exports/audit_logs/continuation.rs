//! Continuations: where the next piece of an export that the cap cut off goes on.

use daybook_entity::audit_log;

use crate::{
    Secret,
    page::{self, Keyset, Part},
};

/// A continuation: up to the same bound, after the last record's key.
pub(super) fn seal(
    secret: &Secret,
    keyset: &Keyset<audit_log::Entity>,
    through: i64,
    key: &[Part],
) -> String {
    let parts = [&[Part::Number(through)], key].concat();
    page::seal(secret, &context(keyset), &parts)
}

/// Bound and key of a continuation; none where it's of another source.
pub(in crate::exports) fn open(
    secret: &Secret,
    keyset: &Keyset<audit_log::Entity>,
    text: &str,
) -> Option<(i64, Vec<Part>)> {
    let parts = page::open(secret, &context(keyset), text)?;
    let (Part::Number(through), key) = parts.split_first()? else { return None };
    (key.len() == keyset.columns.len()).then(|| (*through, key.to_vec()))
}

fn context(keyset: &Keyset<audit_log::Entity>) -> Vec<u8> {
    [b"continuation", keyset.context.as_slice()].concat()
}
