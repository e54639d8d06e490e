//! Audit entries about changes of notes.
//!
//! An entry has the old and new value of each field that changed. A body whose JSON has at most
//! [`TEXT`] bytes is included as it is. For a longer one the entry has
//! `{"sha256": …, "bytes": …}`, which is enough to verify a copy of the text. So an entry stays
//! below the 64 KiB of JSON that callers may put into one.

use daybook_entity::note::Model;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::tags;
use crate::{
    GlobalId, Result, Scope,
    audit::{Change, NewEntry, Resource},
};

/// Maximum size in bytes of a body's JSON in an entry.
const TEXT: usize = 8 * 1024;

/// Creates the entry about a change from `before`, absent for a new note, to `after`, absent for a
/// deleted one.
pub(super) fn entry(
    scope: &Scope,
    action: &str,
    before: Option<&Model>,
    after: Option<&Model>,
) -> Result<NewEntry> {
    let known = after.or(before);
    let resource = Resource {
        r#type: "note".to_owned(),
        id: known.map(id).unwrap_or_default(),
        name: known.map(|note| note.path.clone()),
    };
    let mut entry = NewEntry::by(scope.viewer(), action, resource);
    let (old, new) = (values(before)?, values(after)?);
    let pairs = FIELDS.into_iter().zip(old.into_iter().zip(new));
    entry.changes = pairs
        .filter(|(_, (old, new))| old != new)
        .map(|(field, (old, new))| {
            let (old, new) = (old.map(Into::into), new.map(Into::into));
            Change { field: field.to_owned(), old, new }
        })
        .collect();
    Ok(entry)
}

const FIELDS: [&str; 4] = ["path", "title", "body", "tags"];

/// Returns the values of [`FIELDS`], or `None` for each if there is no note.
fn values(note: Option<&Model>) -> Result<[Option<Value>; 4]> {
    let Some(note) = note else { return Ok([None, None, None, None]) };
    let Model { path, title, body: text, .. } = note;
    Ok([
        Some(path.as_str().into()),
        Some(title.as_str().into()),
        Some(body(text)),
        Some(tags(note)?.into()),
    ])
}

fn body(text: &str) -> Value {
    let value = Value::from(text);
    if text.len() <= TEXT && value.to_string().len() <= TEXT {
        return value;
    }
    let digest = Sha256::digest(text);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "sha256": digest, "bytes": text.len() })
}

fn id(note: &Model) -> String {
    let Model { organization_id, id, .. } = *note;
    GlobalId::Note { organization_id, id }.to_string()
}
