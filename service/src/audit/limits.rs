//! Limits of an entry. A value out of bounds refuses the whole recording, and the error names the
//! entry and the field; nothing is truncated.

use super::{Actor, Change, Metadata, NewEntry, Resource};
use crate::{JsonText, Problem, ProblemCode, input, json_text::Flaw};

/// Maximum number of entries in one recording.
pub const MAX_ENTRIES: usize = 1_000;
/// Maximum length of an action, an id, a type or a request id, in characters.
const MAX_ID_CHARS: usize = 200;
/// Maximum length of a name, in characters.
const MAX_NAME_CHARS: usize = 500;
/// Maximum length of an e-mail address, in characters. RFC 3696 (erratum 1690) says 254; older
/// systems keep 320.
const MAX_EMAIL_CHARS: usize = 320;
/// Maximum number of resources beside the entry's own.
const MAX_RELATED_RESOURCES: usize = 16;
/// Maximum length of an IP address, including a zone, in characters.
const IP_ADDRESS: usize = 64;
/// Maximum length of a user agent, in characters.
const USER_AGENT: usize = 1_000;
/// Maximum size of the JSON in `changes` and `extra` together, in bytes.
const MAX_JSON_BYTES: usize = 64 * 1024;
/// Maximum number of JSON values in `changes` and `extra` together, including keys: in memory a
/// value takes many times its size in JSON.
const MAX_JSON_VALUES: usize = 5_000;
/// Maximum depth of nested lists and objects in a value.
const MAX_JSON_DEPTH: usize = 32;
/// Maximum number of problems that one answer names.
pub const MAX_PROBLEMS: usize = 20;

/// Returns the first problems of `entries`, by entry and field.
pub(super) fn check(entries: &[NewEntry]) -> Vec<Problem> {
    if let Some(problem) = problem_of_number(entries.len()) {
        return vec![problem];
    }
    let mut problems = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        problems.extend(problems_of(index, entry));
        if problems.len() >= MAX_PROBLEMS {
            problems.truncate(MAX_PROBLEMS);
            break;
        }
    }
    problems
}

/// Returns the problem of a recording of so many entries, if any.
pub(super) fn problem_of_number(entries: usize) -> Option<Problem> {
    if (1..=MAX_ENTRIES).contains(&entries) {
        return None;
    }
    let code = if entries == 0 { ProblemCode::Invalid } else { ProblemCode::TooLarge };
    let message = format!("must have 1 to {MAX_ENTRIES} entries, has {entries}");
    Some(Problem::new(code, &["input", "entries"], message))
}

/// Returns the first problems of the entry at `index`, by field.
pub(super) fn problems_of(index: usize, entry: &NewEntry) -> Vec<Problem> {
    let (mut problems, index) = (Vec::new(), index.to_string());
    Checker { root: ["input", "entries", &index], problems: &mut problems }.entry(entry);
    problems
}

struct Checker<'a> {
    root: [&'a str; 3],
    problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    fn entry(&mut self, entry: &NewEntry) {
        let NewEntry {
            timestamp: _,
            actor,
            on_behalf_of,
            action,
            outcome: _,
            resource,
            related_resources,
            changes,
            metadata,
        } = entry;
        self.actor("actor", actor);
        on_behalf_of.iter().for_each(|actor| self.actor("onBehalfOf", actor));
        self.text(&["action"], Some(action), MAX_ID_CHARS);
        self.action(action);
        self.resource(&["resource"], resource);
        for (index, resource) in related_resources.iter().take(MAX_RELATED_RESOURCES).enumerate() {
            self.resource(&["relatedResources", &index.to_string()], resource);
        }
        if related_resources.len() > MAX_RELATED_RESOURCES {
            let message = format!(
                "must have at most {MAX_RELATED_RESOURCES} resources, has {}",
                related_resources.len()
            );
            self.add(ProblemCode::TooLarge, &["relatedResources"], message);
        }
        if let Some(Metadata { ip_address, user_agent, request_id, extra: _ }) = metadata {
            self.text(&["metadata", "ipAddress"], ip_address.as_ref(), IP_ADDRESS);
            self.text(&["metadata", "userAgent"], user_agent.as_ref(), USER_AGENT);
            self.text(&["metadata", "requestId"], request_id.as_ref(), MAX_ID_CHARS);
        }
        let extra = metadata.as_ref().and_then(|metadata| metadata.extra.as_ref());
        self.json(changes, extra);
    }

    fn actor(&mut self, field: &str, actor: &Actor) {
        let Actor { id, r#type: _, email, name } = actor;
        self.text(&[field, "id"], Some(id), MAX_ID_CHARS);
        self.text(&[field, "email"], email.as_ref(), MAX_EMAIL_CHARS);
        self.text(&[field, "name"], name.as_ref(), MAX_NAME_CHARS);
    }

    fn resource(&mut self, field: &[&str], resource: &Resource) {
        let Resource { r#type, id, name } = resource;
        self.text(&[field, &["type"]].concat(), Some(r#type), MAX_ID_CHARS);
        self.text(&[field, &["id"]].concat(), Some(id), MAX_ID_CHARS);
        self.text(&[field, &["name"]].concat(), name.as_ref(), MAX_NAME_CHARS);
    }

    fn text(&mut self, field: &[&str], text: Option<&String>, most: usize) {
        let Some(text) = text else { return };
        if text.is_empty() {
            self.add(
                ProblemCode::Invalid,
                field,
                "must not be empty; leave out what there is none of",
            );
        } else if text.contains('\0') {
            self.add(ProblemCode::Invalid, field, input::NUL);
        } else if text.len() > most && text.chars().count() > most {
            let message =
                format!("must have at most {most} characters, has {}", text.chars().count());
            self.add(ProblemCode::TooLarge, field, message);
        }
    }

    /// Refuses an action with a `*`, which no filter could match exactly.
    fn action(&mut self, action: &str) {
        if action.contains('*') {
            let message = "must not contain `*`, by which a filter ends a prefix";
            self.add(ProblemCode::Invalid, &["action"], message);
        }
    }

    fn json(&mut self, changes: &[Change], extra: Option<&JsonText>) {
        let mut values = [0; 2];
        for (index, Change { field, old, new }) in changes.iter().enumerate() {
            let index = index.to_string();
            self.text(&["changes", &index, "field"], Some(field), MAX_ID_CHARS);
            values[0] += CHANGE_VALUES
                + self.value(&["changes", &index, "old"], old.as_ref())
                + self.value(&["changes", &index, "new"], new.as_ref());
        }
        values[1] = self.value(&["metadata", "extra"], extra);
        let total = values[0] + values[1];
        if total > MAX_JSON_VALUES {
            let message = format!(
                "changes and extra together must have at most {MAX_JSON_VALUES} JSON values, keys \
                 included, have {total}"
            );
            self.add(ProblemCode::TooLarge, larger(values), message);
        }
        let length = |text: serde_json::Result<Vec<u8>>| text.map_or(usize::MAX, |text| text.len());
        let bytes =
            [length(serde_json::to_vec(changes)), extra.map_or(0, |extra| extra.get().len())];
        let total = bytes[0].saturating_add(bytes[1]);
        if total > MAX_JSON_BYTES {
            let message = format!(
                "changes and extra together must have at most {MAX_JSON_BYTES} bytes of JSON, have {total}"
            );
            self.add(ProblemCode::TooLarge, larger(bytes), message);
        }
    }

    /// Refuses a value that can't be stored or read again, and returns the number of values in it.
    fn value(&mut self, field: &[&str], value: Option<&JsonText>) -> usize {
        match value.map(|value| value.examine(MAX_JSON_DEPTH)) {
            None => 0,
            Some(Ok(size)) => size.values,
            Some(Err(Flaw { path, code, message })) => {
                let path = path.iter().map(String::as_str);
                let path: Vec<_> = field.iter().copied().chain(path).collect();
                self.add(code, &path, message);
                0
            }
        }
    }

    fn add(&mut self, code: ProblemCode, field: &[&str], message: impl Into<String>) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let path = [&self.root[..], field].concat();
        self.problems.push(Problem::new(code, &path, message));
    }
}

/// Number of JSON values that a change has besides `old` and `new`: the object, its keys and
/// `field`.
const CHANGE_VALUES: usize = 5;

/// Returns the field with the larger of the sizes of `changes` and `extra`.
fn larger([changes, extra]: [usize; 2]) -> &'static [&'static str] {
    if changes >= extra { &["changes"] } else { &["metadata", "extra"] }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::fuzz::{edited, edits, text};
    use proptest::{collection::vec, prelude::*};
    use serde_json::{Value, json};

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|number| json!(number)),
            any::<f64>().prop_map(|number| json!(number)),
            text().prop_map(Value::String),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::Array),
                vec((text(), inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    /// Returns a line as an import reads it, with mostly correct fields.
    fn line() -> impl Strategy<Value = Value> {
        let optional = || prop::option::of(text());
        let enums = (
            prop::sample::select(vec!["USER", "SYSTEM", "user", ""]),
            prop::sample::select(vec!["SUCCESS", "FAILURE", "DENIED", "?"]),
            prop::sample::select(vec![
                "2026-01-01T00:00:00Z",
                "0000-01-01T00:00:00+14:00",
                "9999-12-31T23:59:60.5Z",
                "now",
            ]),
        );
        (
            enums,
            [text(), text(), text(), text()],
            [optional(), optional(), optional()],
            [value(), value()],
        )
            .prop_map(|((r#type, outcome, timestamp), texts, optional, values)| {
                let [actor, action, kind, id] = texts;
                let [email, name, address] = optional;
                let [old, extra] = values;
                json!({
                    "timestamp": timestamp,
                    "actor": { "id": actor, "type": r#type, "email": email, "name": name },
                    "action": action,
                    "outcome": outcome,
                    "resource": { "type": kind, "id": id },
                    "changes": [{ "field": "a", "old": old }],
                    "metadata": { "ipAddress": address, "extra": extra },
                })
            })
    }

    proptest! {
        #[test]
        fn lines_are_entries_that_stay_the_same_or_refused(
            line in line(), edits in edits(), any in vec(any::<u8>(), 0..99),
        ) {
            let text = line.to_string();
            for line in [text.clone().into_bytes(), edited(text.as_bytes(), &edits), any] {
                let Ok(entry) = serde_json::from_slice::<NewEntry>(&line) else { continue };
                let written = serde_json::to_string(&entry).expect("JSON");
                let again: NewEntry = serde_json::from_str(&written).expect("an entry");
                prop_assert_eq!(&serde_json::to_string(&again).expect("JSON"), &written);
                let problems = check(std::slice::from_ref(&entry));
                prop_assert!(problems.len() <= MAX_PROBLEMS);
                if problems.is_empty() {
                    let texts = [&entry.actor.id, &entry.action, &entry.resource.id];
                    prop_assert!(texts.iter().all(|it| !it.is_empty() && it.chars().count() <= MAX_ID_CHARS));
                    prop_assert!(!written.contains("\\u0000"));
                }
            }
        }
    }
}
