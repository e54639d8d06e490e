//! Continuations: where the next piece of an export that the cap cut off goes on.

use daybook_entity::audit_log;

use crate::{
    Secret,
    page::{self, Keyset, Part},
};

/// Where the next piece goes on.
pub(in crate::exports) struct Continuation {
    /// Nothing recorded after this sequence is in it.
    pub(in crate::exports) through: i64,
    /// The last record's key, after which it begins.
    pub(in crate::exports) key: Vec<Part>,
    /// How far the log had been removed when the last piece was read.
    pub(in crate::exports) pruned: i64,
}

/// A continuation as text.
pub(super) fn seal(
    secret: &Secret,
    keyset: &Keyset<audit_log::Entity>,
    continuation: Continuation,
) -> String {
    let Continuation { through, key, pruned } = continuation;
    let mut parts = [&[Part::Number(through)], key.as_slice()].concat();
    if pruned > 0 {
        parts.push(Part::Number(pruned));
    }
    page::seal(secret, &context(keyset), &parts)
}

/// What a continuation says; none where it's of another source.
pub(in crate::exports) fn open(
    secret: &Secret,
    keyset: &Keyset<audit_log::Entity>,
    text: &str,
) -> Option<Continuation> {
    let parts = page::open(secret, &context(keyset), text)?;
    let (Part::Number(through), rest) = parts.split_first()? else { return None };
    let (key, pruned) = rest.split_at_checked(keyset.columns.len())?;
    let pruned = match pruned {
        [] => 0,
        [Part::Number(pruned)] => *pruned,
        _ => return None,
    };
    Some(Continuation { through: *through, key: key.to_vec(), pruned })
}

fn context(keyset: &Keyset<audit_log::Entity>) -> Vec<u8> {
    [b"continuation", keyset.context.as_slice()].concat()
}
