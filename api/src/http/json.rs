//! Measures a request's JSON in one pass over its bytes, before it is parsed.
//!
//! 1 MiB of empty objects becomes hundreds of MiB of values, so the memory of a request depends on
//! the number of its values, not only on its bytes.

use super::body_limits::{Credential, MAX_BODY_BYTES};

/// Maximum number of JSON values in a request, including keys.
pub(super) const MAX_VALUES: usize = 50_000;
/// Maximum number of JSON values in a request without a credential, which can't record anything.
pub(super) const MAX_VALUES_WITHOUT_CREDENTIAL: usize = 2_000;

/// Memory of an object or list, in bytes, over all the forms that it takes.
const MEMORY_PER_CONTAINER: usize = 2_400;
/// Memory of a text, number, boolean or null in addition to its own bytes.
const MEMORY_PER_SCALAR: usize = 300;
/// Number of copies of a request's bytes on their way to the database.
const COPIES_OF_REQUEST: usize = 8;
/// Maximum number of bytes that count as a document, which takes more memory when parsed and validated.
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
/// Memory for each byte of a document.
const MEMORY_PER_DOCUMENT_BYTE: usize = 16;
/// Memory for each mark in a string that may begin a selection or value of a document.
const MEMORY_PER_MARK: usize = 800;
/// Maximum number of marks that count: a document has no more tokens.
const MAX_MARKS: usize = 15_000;

/// Size and number of values of a JSON text.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Measure {
    /// Length of the text, in bytes.
    pub(super) bytes: usize,
    /// Bytes that are not within a string; quotes count as outside.
    pub(super) outside_strings: usize,
    /// Number of objects and lists.
    pub(super) containers: usize,
    /// Number of texts (including keys), numbers, booleans and nulls.
    pub(super) scalars: usize,
    /// Number of opening brackets, opening braces and colons within strings.
    pub(super) marks: usize,
}

impl Measure {
    /// Number of all values, including keys.
    pub(super) fn values(self) -> usize {
        self.containers + self.scalars
    }

    /// Estimated memory of the request while it is executed, in bytes.
    pub(super) fn memory(self) -> usize {
        self.bytes * COPIES_OF_REQUEST
            + self.bytes.min(MAX_DOCUMENT_BYTES) * MEMORY_PER_DOCUMENT_BYTE
            + self.marks.min(MAX_MARKS) * MEMORY_PER_MARK
            + self.containers * MEMORY_PER_CONTAINER
            + self.scalars * MEMORY_PER_SCALAR
    }

    /// Checks the limits on a request.
    ///
    /// # Errors
    /// Fails if there are more bytes outside of strings, or more values, than a request may have.
    pub(super) fn check(self, credential: Credential) -> Result<(), String> {
        if self.outside_strings > MAX_BODY_BYTES {
            return Err("The body has more than 1 MiB outside of strings".to_owned());
        }
        let most = match credential {
            Credential::Held => MAX_VALUES,
            Credential::None => MAX_VALUES_WITHOUT_CREDENTIAL,
        };
        if self.values() > most {
            return Err(format!(
                "The body has {} JSON values, including keys; at most {MAX_VALUES} are allowed, or \
                 {MAX_VALUES_WITHOUT_CREDENTIAL} without a credential. Split the request",
                self.values()
            ));
        }
        Ok(())
    }
}

/// Measures `json`, even if it is malformed.
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

/// Counts the marks in a text that may be a document.
pub(super) fn marks(text: &[u8]) -> usize {
    text.iter().filter(|byte| matches!(byte, b'{' | b'[' | b':')).count()
}

/// Position of the unescaped quote that ends the string whose content begins `text`.
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
