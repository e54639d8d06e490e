//! The parameters of a GraphQL request, the same for HTTP and WebSocket.

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::{Map, Value};

/// The parameters of a GraphQL request (GraphQL over HTTP, section 5.1).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    pub(super) query: String,
    #[serde(default)]
    pub(super) operation_name: Option<String>,
    #[serde(default)]
    pub(super) variables: Option<Map<String, Value>>,
    #[serde(default)]
    #[allow(dead_code, reason = "taken and not used, as the specification asks")]
    pub(super) extensions: Option<Map<String, Value>>,
}

/// `T` from a JSON object and from nothing else: what serde derives for a struct takes an array of
/// the fields' values, too.
///
/// # Errors
/// As of serde_json; anything but an object is an error in the data.
pub(super) fn from_object<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    let object: Map<String, Value> = serde_json::from_slice(json)?;
    serde_json::from_value(Value::Object(object))
}

/// [`from_object`] for a field.
///
/// # Errors
/// As of `deserializer`.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let object = Map::deserialize(deserializer)?;
    serde_json::from_value(Value::Object(object)).map_err(D::Error::custom)
}
