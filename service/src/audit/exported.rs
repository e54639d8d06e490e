//! Lines of exported files, read as entries to record.
//!
//! An exported line has the members of [`NewEntry`] and those that Daybook added when it recorded
//! the entry. The latter are left out, since the entry gets its own. Any other unknown member is
//! refused.

use std::fmt::{self, Formatter};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, IntoDeserializer, MapAccess, Visitor, value},
};

use super::NewEntry;

/// Members that Daybook adds to an entry.
const ADDED_MEMBERS: [&str; 6] =
    ["id", "sequence", "recordedAt", "clockSkewed", "recordedBy", "hash"];

/// Reads a line of a file as an entry: with the members of [`NewEntry`] or, in a line that Daybook
/// exported, also with all that it adds.
///
/// # Errors
/// Text that is no such line.
pub fn read_line(line: &str) -> serde_json::Result<NewEntry> {
    serde_json::from_str::<Line>(line).map(|Line(entry)| entry)
}

struct Line(NewEntry);

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LineVisitor)
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = Line;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("an entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Line, A::Error> {
        let mut given = Given { map, added: Vec::new() };
        let entry = NewEntry::deserialize(value::MapAccessDeserializer::new(&mut given))?;
        match given.added.first() {
            Some(first) if given.added.len() < ADDED_MEMBERS.len() => {
                Err(A::Error::custom(format!(
                    "unknown field `{first}`, which only a line that Daybook exported has, together \
                     with {}",
                    ADDED_MEMBERS.join(", ")
                )))
            }
            _ => Ok(Line(entry)),
        }
    }
}

/// The members of a line without those that Daybook adds.
struct Given<A> {
    map: A,
    /// Names of the members that were left out.
    added: Vec<&'static str>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for &mut Given<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.map.next_key::<String>()? {
            let Some(added) = ADDED_MEMBERS.iter().find(|added| **added == name) else {
                let name: value::StringDeserializer<A::Error> = name.into_deserializer();
                return seed.deserialize(name).map(Some);
            };
            if self.added.contains(added) {
                return Err(A::Error::duplicate_field(added));
            }
            self.added.push(added);
            self.map.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::read_line;

    const ENTRY: &str = r#""action":"a.b","actor":{"id":"ada"},"resource":{"type":"t","id":"1"}"#;
    const ADDED: &str = r#""id":"x","sequence":"1","recordedAt":"x","clockSkewed":false,"recordedBy":"x","hash":"x""#;

    #[test]
    fn only_all_that_daybook_adds_is_left_out() {
        for (line, problem) in [
            (format!("{{{ENTRY}}}"), None),
            (format!("{{{ADDED},{ENTRY}}}"), None),
            (format!("{{{ENTRY},{ADDED}}}"), None),
            (format!("{{{ENTRY},\"id\":\"x\"}}"), Some("unknown field `id`")),
            (format!("{{{ADDED},{ENTRY},\"colour\":1}}"), Some("unknown field `colour`")),
            (format!("{{{ADDED},{ENTRY},\"hash\":1}}"), Some("duplicate field `hash`")),
            (format!("{{{ADDED}}}"), Some("missing field")),
            ("[1]".to_owned(), Some("expected an entry")),
        ] {
            let found = read_line(&line).err().map(|error| error.to_string());
            match problem {
                None => assert_eq!(found, None, "{line}"),
                Some(problem) => assert!(found.is_some_and(|it| it.contains(problem)), "{line}"),
            }
        }
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        let line = format!("{{{ADDED},{ENTRY},\"metadata\":{{\"extra\":9007199254740993.10}}}}");
        let entry = read_line(&line).expect("an entry");
        let extra = entry.metadata.expect("metadata").extra.expect("extra");
        assert_eq!(extra.get(), "9007199254740993.10");
    }
}
