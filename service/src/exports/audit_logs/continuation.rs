//! Continuations: positions at which the next piece of a truncated export starts.

use daybook_entity::audit_log;

use crate::{
    Secret,
    page::{self, Keyset, Part},
};

/// Position at which the next piece of an export starts.
pub(in crate::exports) struct Continuation {
    /// Last sequence that the pieces may contain.
    pub(in crate::exports) through: i64,
    /// Key of the previous piece's last record, after which the next piece starts.
    pub(in crate::exports) key: Vec<Part>,
    /// Sequence through which the log had been pruned when the previous piece was planned.
    pub(in crate::exports) pruned: i64,
}

/// Seals a continuation as opaque text.
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

/// Opens a sealed continuation. Returns `None` if it is malformed, forged or of another source.
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
