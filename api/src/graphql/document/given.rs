//! The variables of a request as their text, read only as far as their types say.
//!
//! A value of the scalar `JSON` stays the text that it is. Numbers beyond doubles, the order and the
//! repetition of members would be lost in any other form.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The variables of a request: the text of a JSON object.
#[derive(Clone, Debug)]
pub struct GivenVariables(Box<RawValue>);

impl GivenVariables {
    pub(super) fn text(&self) -> &str {
        self.0.get()
    }
}

impl Default for GivenVariables {
    fn default() -> Self {
        Self(RawValue::from_string("{}".to_owned()).expect("an empty object is JSON"))
    }
}

impl<'de> Deserialize<'de> for GivenVariables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Err(D::Error::custom("variables must be an object"));
        }
        Ok(Self(raw))
    }
}

#[cfg(test)]
impl From<&serde_json::Value> for GivenVariables {
    fn from(value: &serde_json::Value) -> Self {
        serde_json::from_str(&value.to_string()).unwrap_or_default()
    }
}

/// The members of a JSON object, each with the text of its value.
pub(super) struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Removes a member and returns its value.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Returns the name of a member that was not taken.
    pub(super) fn rest(&self) -> Option<&str> {
        self.0.first().map(|(name, _)| name.as_str())
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let (mut members, mut names) = (Vec::new(), HashSet::new());
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("\"{name}\" is there twice")));
            }
            members.push((name, value));
        }
        Ok(Members(members))
    }
}
