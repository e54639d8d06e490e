//! Helpers of the modules called `fuzz`: arbitrary bytes, and valid bytes with some changed. `make
//! fuzz-units` tries a million of each.

use proptest::{collection::vec, prelude::*, sample::Index};

/// A change to bytes.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// Replaces one byte by another.
    Replace(Index, u8),
    /// Flips one bit.
    Flip(Index, u8),
    Remove(Index),
    Insert(Index, Vec<u8>),
    /// Removes everything from this position on.
    Cut(Index),
    Append(Vec<u8>),
    /// Swaps two bytes.
    Swap(Index, Index),
}

/// Generates one to three edits.
pub(crate) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let place = any::<Index>;
    let edit = prop_oneof![
        (place(), byte()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (place(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        place().prop_map(Edit::Remove),
        (place(), vec(byte(), 1..4)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        place().prop_map(Edit::Cut),
        vec(byte(), 1..4).prop_map(Edit::Append),
        (place(), place()).prop_map(|(one, other)| Edit::Swap(one, other)),
    ];
    vec(edit, 1..=3)
}

/// Generates mostly bytes that have a meaning in some format, and sometimes any byte.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => prop::sample::select(&b"abzAZ019-_.=+/ \"'\\,:;{}[]\n\r\t\0"[..]),
        1 => any::<u8>(),
    ]
}

/// Returns `bytes` with the edits made. Edits may cancel each other out.
pub(crate) fn edited(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    edits.iter().fold(bytes.to_vec(), |mut bytes, edit| {
        let length = bytes.len();
        match edit {
            Edit::Append(more) => bytes.extend(more),
            Edit::Insert(at, more) => {
                let at = at.index(length + 1);
                bytes.splice(at..at, more.iter().copied());
            }
            _ if length == 0 => {}
            Edit::Replace(at, byte) => bytes[at.index(length)] = *byte,
            Edit::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Edit::Remove(at) => drop(bytes.remove(at.index(length))),
            Edit::Cut(at) => bytes.truncate(at.index(length)),
            Edit::Swap(one, other) => bytes.swap(one.index(length), other.index(length)),
        }
        bytes
    })
}

/// Returns `text` with the edits made. Bytes that are not UTF-8 afterwards become U+FFFD.
pub(crate) fn edited_text(text: &str, edits: &[Edit]) -> String {
    String::from_utf8_lossy(&edited(text.as_bytes(), edits)).into_owned()
}

/// Generates texts, either of any characters or of those that occur in Daybook's own formats.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        vec(byte(), 0..120).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        vec(any::<char>(), 0..40).prop_map(|chars| chars.into_iter().collect()),
    ]
}
