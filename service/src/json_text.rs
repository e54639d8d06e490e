//! JSON as it was given: with its numbers, the order of its members and its spelling.

mod examine;
mod numbers;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Value, value::RawValue};

pub(crate) use examine::{Flaw, Size};

/// A JSON value (RFC 8259) as it was given, except for white space between its parts.
///
/// A reader that turned it into numbers and maps would round numbers beyond doubles, write `1.50` as
/// `1.5`, and sort or merge members.
#[derive(Clone, Debug)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// Returns the JSON value that `text` is.
    ///
    /// # Errors
    /// Text that is not JSON. A string may still have an escape that stands for no character, which is
    /// found when an entry is recorded.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Returns the text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// True if it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.get() == "null"
    }

    /// Returns the size of the value, which a limit of `max_depth` bounds.
    ///
    /// # Errors
    /// The first flaw: what can't be stored or read again.
    pub(crate) fn examine(&self, max_depth: usize) -> Result<Size, Flaw> {
        examine::examine(self.get(), max_depth)
    }
}

impl<T: Into<Value>> From<T> for JsonText {
    fn from(value: T) -> Self {
        let text = value.into().to_string();
        Self(RawValue::from_string(text).expect("the text of a value is JSON"))
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for JsonText {}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match compact(raw.get()) {
            None => Ok(Self(raw)),
            Some(text) => RawValue::from_string(text).map(Self).map_err(D::Error::custom),
        }
    }
}

/// Returns JSON text without the white space between its parts; none if there is none.
fn compact(text: &str) -> Option<String> {
    // White space is not escaped anywhere, so most texts need no closer look.
    if !text.contains([' ', '\t', '\n', '\r']) {
        return None;
    }
    let (mut is_string, mut is_escaped) = (false, false);
    let kept = text.chars().filter(|c| {
        let is_space = !is_string && matches!(c, ' ' | '\t' | '\n' | '\r');
        is_string ^= *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        !is_space
    });
    Some(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn text_stays_as_it_was_given() {
        for (given, expected) in [
            ("9007199254740993", "9007199254740993"),
            ("-0", "-0"),
            ("1.50", "1.50"),
            ("1E400", "1E400"),
            (
                " { \"b\" : [ 1 , 2.0 ] ,\n\t\"a\" : \"\\u00e9 \\\" \" } ",
                "{\"b\":[1,2.0],\"a\":\"\\u00e9 \\\" \"}",
            ),
        ] {
            let json = JsonText::parse(given).expect(given);
            assert_eq!(json.get(), expected);
            assert_eq!(serde_json::to_string(&json).expect("JSON"), expected);
        }
        for text in ["", "01", "1.", "nul", "{a:1}", "[1,]", "\"\t\"", "1 2"] {
            assert!(JsonText::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn white_space_goes_and_nothing_else(texts: Vec<String>, numbers: Vec<i64>) {
            let value = json!({ "a": texts, "b": [{ " c ": numbers, "d": null }, true] });
            let pretty = serde_json::to_string_pretty(&value).expect("JSON");
            let json = JsonText::parse(&pretty).expect("JSON");
            prop_assert_eq!(json.get(), value.to_string());
        }
    }
}
