//! The first look at a request's JSON: one pass over its bytes, before any value is made of them.
//!
//! A mebibyte of empty objects becomes hundreds of mebibytes of values: how much a request takes is
//! said by its values, not by its bytes alone.

use super::body;

/// Most JSON values of a request, keys included.
pub(super) const MAX_VALUES: usize = 50_000;
/// Most of a request without a credential, which has nothing to record.
pub(super) const MAX_VALUES_WITHOUT_CREDENTIAL: usize = 2_000;

/// Memory that an object or list takes, in bytes, in all forms that it goes through.
const MEMORY_PER_CONTAINER: usize = 2_400;
/// Memory that a text, number, boolean or null takes beside its own bytes.
const MEMORY_PER_SCALAR: usize = 300;
/// Copies of a request's bytes that are made on their way to the database.
const COPIES_OF_REQUEST: usize = 8;
/// Bytes that may be a document's, which take more: parsed, typed and made ready to run.
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
/// Memory for each of those.
const MEMORY_PER_DOCUMENT_BYTE: usize = 16;
/// Memory for each mark within a string that may begin a selection or a value of a document.
const MEMORY_PER_MARK: usize = 800;
/// Marks that a document may have: it has no more tokens.
const MAX_MARKS: usize = 15_000;

/// What a text of JSON comes to.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Measure {
    /// Length, in bytes.
    pub(super) bytes: usize,
    /// Bytes that are not within a string; its quotes are none of the string's.
    pub(super) outside_strings: usize,
    /// Objects and lists.
    pub(super) containers: usize,
    /// Texts, keys included, numbers, booleans and nulls.
    pub(super) scalars: usize,
    /// Brackets, braces and colons within strings.
    pub(super) marks: usize,
}

impl Measure {
    /// All values, keys included.
    pub(super) fn values(self) -> usize {
        self.containers + self.scalars
    }

    /// Memory that the request may take while it is run, in bytes.
    pub(super) fn memory(self) -> usize {
        self.bytes * COPIES_OF_REQUEST
            + self.bytes.min(MAX_DOCUMENT_BYTES) * MEMORY_PER_DOCUMENT_BYTE
            + self.marks.min(MAX_MARKS) * MEMORY_PER_MARK
            + self.containers * MEMORY_PER_CONTAINER
            + self.scalars * MEMORY_PER_SCALAR
    }

    /// Says what is too much of it.
    ///
    /// # Errors
    /// More bytes outside of strings or more values than a request may have.
    pub(super) fn check(self, credential: body::Credential) -> Result<(), String> {
        if self.outside_strings > body::MAX_BODY_BYTES {
            return Err("The body is longer than 1 MiB outside of its strings".to_owned());
        }
        let most = match credential {
            body::Credential::Held => MAX_VALUES,
            body::Credential::None => MAX_VALUES_WITHOUT_CREDENTIAL,
        };
        if self.values() > most {
            return Err(format!(
                "The body has {} JSON values, keys included: at most {MAX_VALUES} are taken, and \
                 {MAX_VALUES_WITHOUT_CREDENTIAL} without a credential. Send fewer at once",
                self.values()
            ));
        }
        Ok(())
    }
}

/// Measures `json`, whether or not it is well-formed.
pub(super) fn measure(json: &[u8]) -> Measure {
    let mut measure = Measure { bytes: json.len(), ..Measure::default() };
    let mut rest = json;
    let mut is_within_word = false;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        measure.outside_strings += 1;
        let is_word = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        match byte {
            b'"' => {
                measure.scalars += 1;
                let end = string_end(tail);
                measure.marks += marks(&tail[..end.min(tail.len())]);
                measure.outside_strings += usize::from(end < tail.len());
                rest = tail.get(end + 1..).unwrap_or_default();
            }
            b'{' | b'[' => measure.containers += 1,
            _ if is_word && !is_within_word => measure.scalars += 1,
            _ => {}
        }
        is_within_word = is_word;
    }
    measure
}

/// Marks of a document in a text.
pub(super) fn marks(text: &[u8]) -> usize {
    text.iter().filter(|byte| matches!(byte, b'{' | b'[' | b':')).count()
}

/// Where the string that `text` begins within ends: at the quote that no backslash escapes.
fn string_end(text: &[u8]) -> usize {
    let mut end = 0;
    while let Some(byte) = text.get(end).filter(|byte| **byte != b'"') {
        end += if *byte == b'\\' { 2 } else { 1 };
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn of(json: &str) -> (usize, usize, usize) {
        let Measure { bytes: _, outside_strings, containers, scalars, marks: _ } =
            measure(json.as_bytes());
        (outside_strings, containers, scalars)
    }

    #[test]
    fn strings_are_values_and_their_content_is_not() {
        for (json, expected) in [
            ("", (0, 0, 0)),
            ("[1,2]", (5, 1, 2)),
            ("\"abc\"", (2, 0, 1)),
            ("{\"a\":\"b\\\"c\"}", (7, 1, 2)),
            ("[\"\\\\\",1]", (6, 1, 2)),
            ("[\"\",\"[{1\"]", (7, 1, 2)),
            ("\"open", (1, 0, 1)),
            ("\"open\\", (1, 0, 1)),
            ("[-1.5e+3, true,null ,{}]", (24, 2, 3)),
        ] {
            assert_eq!(of(json), expected, "{json}");
        }
    }

    fn values(value: &Value) -> usize {
        1 + match value {
            Value::Array(items) => items.iter().map(values).sum(),
            Value::Object(fields) => fields.values().map(|value| 1 + values(value)).sum(),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn values_are_counted_as_a_parser_makes_them(texts: Vec<String>, numbers: Vec<f64>) {
            let numbers: Vec<_> = numbers.into_iter().filter(|it| it.is_finite()).collect();
            let value = json!({ "a": texts, "b": [{ "c": numbers, "d": null }, true] });
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(measure(text.as_bytes()).values(), values(&value));
            }
        }
    }
}
