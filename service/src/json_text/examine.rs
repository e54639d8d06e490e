//! A closer look at JSON: its size, and what in it can't be stored or read again.

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::numbers;
use crate::{ProblemCode, input};

/// The number of values in a JSON value, including itself and keys, and their depth.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) values: usize,
    /// Number of lists and objects within one another.
    pub(crate) depth: usize,
}

/// A flaw of a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Members and indexes that lead to the place.
    pub(crate) path: Vec<String>,
    pub(crate) code: ProblemCode,
    pub(crate) message: String,
}

/// Examines `text`, a JSON value.
///
/// # Errors
/// The first flaw: a NUL, half of a surrogate pair, a number beyond doubles, a member that is there
/// twice, or more than `max_depth` lists and objects within one another.
pub(super) fn examine(text: &str, max_depth: usize) -> Result<Size, Flaw> {
    let mut walk = Walk { path: Vec::new(), message: None, size: Size::default(), max_depth };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let examined = Seed { walk: &mut walk, depth: 0 }.deserialize(&mut deserializer);
    match examined {
        Ok(()) => match numbers::find(text) {
            None => Ok(walk.size),
            Some((path, message)) => Err(Flaw { path, code: ProblemCode::Invalid, message }),
        },
        // The path was left at the place of the error.
        Err(error) => {
            let is_too_deep = walk.size.depth > max_depth;
            let code = if is_too_deep { ProblemCode::TooLarge } else { ProblemCode::Invalid };
            let message = walk.message.unwrap_or_else(|| reason(&error));
            Err(Flaw { path: walk.path, code, message })
        }
    }
}

/// Returns what serde_json found wrong. Matches its text, since its errors have no kind for this.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.contains("surrogate") || text.contains("hex escape") {
        "has an escape that is only half of a surrogate pair".to_owned()
    } else if text.contains("out of range") {
        "is a number beyond the range of IEEE 754 doubles: give it as a string".to_owned()
    } else {
        format!("can't be read: {text}")
    }
}

struct Walk {
    path: Vec<String>,
    /// Message about a flaw that serde_json does not find.
    message: Option<String>,
    size: Size,
    max_depth: usize,
}

impl Walk {
    fn refuse<E: Error>(&mut self, message: impl Into<String>) -> E {
        self.message = Some(message.into());
        E::custom("refused")
    }

    fn text<E: Error>(&mut self, text: &str) -> Result<(), E> {
        if text.contains('\0') { Err(self.refuse(input::NUL)) } else { Ok(()) }
    }

    fn enter<E: Error>(&mut self, depth: usize) -> Result<(), E> {
        self.size.depth = self.size.depth.max(depth);
        if depth <= self.max_depth {
            return Ok(());
        }
        let message =
            format!("must have at most {} lists and objects within one another", self.max_depth);
        self.path.clear();
        Err(self.refuse(message))
    }
}

/// Examines one value, within `depth` lists and objects.
struct Seed<'w> {
    walk: &'w mut Walk,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.walk.size.values += 1;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.walk.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { walk, depth } = self;
        walk.enter(depth + 1)?;
        for index in 0_usize.. {
            walk.path.push(index.to_string());
            let item = items.next_element_seed(Seed { walk, depth: depth + 1 })?;
            walk.path.pop();
            if item.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { walk, depth } = self;
        walk.enter(depth + 1)?;
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            walk.size.values += 1;
            walk.text(&name)?;
            walk.path.push(name.clone());
            if !names.insert(name) {
                return Err(walk.refuse("is there twice in one object"));
            }
            members.next_value_seed(Seed { walk, depth: depth + 1 })?;
            walk.path.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_keys_are_counted_and_depth_is_that_of_lists_and_objects() {
        for (text, values, depth) in [
            ("null", 1, 0),
            ("[]", 1, 1),
            ("[1,[2.5]]", 4, 2),
            (r#"{"a":{"b":[true]},"c":"x"}"#, 8, 3),
        ] {
            assert_eq!(examine(text, 3), Ok(Size { values, depth }), "{text}");
        }
    }

    #[test]
    fn flaw_is_named_by_its_place() {
        for (text, path, words) in [
            (r#"{"a":[0,{"b":"\u0000"}]}"#, "a/1/b", "NUL"),
            (r#"{"a":{"\u0000":1}}"#, "a", "NUL"),
            (r#"["\ud800"]"#, "0", "half of a surrogate pair"),
            (r#"[1,"\udc00x"]"#, "1", "half of a surrogate pair"),
            (r#"{"a":{"\ud800":1}}"#, "a", "half of a surrogate pair"),
            (r#"{"a":1e999}"#, "a", "beyond the range"),
            ("-1E400", "", "beyond the range"),
            (r#"{"a":[{"b":1,"c":2,"b":1}]}"#, "a/0/b", "twice"),
            (r#"{"a":1,"\u0061":1}"#, "a", "twice"),
            ("[[[[1]]]]", "", "at most 3 lists"),
        ] {
            let flaw = examine(text, 3).expect_err(text);
            assert_eq!(flaw.path.join("/"), path, "{text}: {}", flaw.message);
            assert!(flaw.message.contains(words), "{text}: {}", flaw.message);
        }
    }
}
