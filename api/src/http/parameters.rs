//! The parameters of a GraphQL request, the same for HTTP and WebSocket.

use std::fmt;

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::{Map, Value};

use super::budget::Reservation;

/// The parameters of a GraphQL request (GraphQL over HTTP, section 5.1).
#[derive(Debug, Deserialize)]
#[serde(try_from = "Raw")]
pub(super) struct Parameters {
    pub(super) source: Source,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Option<Map<String, Value>>,
    /// Their part of the memory that requests may take, once it is theirs.
    pub(super) held: Option<Reservation>,
}

/// Which document is meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// This text.
    Text(String),
    /// The trusted document with this id.
    Id(String),
    /// The trusted document with this id, which is to be this text.
    IdOfText(String, String),
}

/// The parameters as they come.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw {
    #[serde(default)]
    pub(super) query: Option<String>,
    /// GraphQL over HTTP, appendix A: persisted documents.
    #[serde(default)]
    pub(super) document_id: Option<String>,
    #[serde(default)]
    pub(super) operation_name: Option<String>,
    #[serde(default)]
    pub(super) variables: Option<Map<String, Value>>,
    /// Taken and not used, as the specification asks, but for what names a document.
    #[serde(default)]
    pub(super) extensions: Option<Map<String, Value>>,
}

/// Neither a document nor the id of one.
#[derive(Debug)]
pub(super) struct NoDocument;

impl fmt::Display for NoDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`query` is missing")
    }
}

impl TryFrom<Raw> for Parameters {
    type Error = NoDocument;

    fn try_from(raw: Raw) -> Result<Self, NoDocument> {
        let Raw { query, document_id, operation_name, variables, extensions } = raw;
        let id = document_id.or_else(|| persisted(extensions.as_ref()));
        let source = match (query, id) {
            (Some(text), None) => Source::Text(text),
            (None, Some(id)) => Source::Id(id),
            (Some(text), Some(id)) => Source::IdOfText(id, text),
            (None, None) => return Err(NoDocument),
        };
        Ok(Self { source, operation_name, variables, held: None })
    }
}

/// What the extension says that Apollo's clients and others name documents by.
fn persisted(extensions: Option<&Map<String, Value>>) -> Option<String> {
    let hash = extensions?.get("persistedQuery")?.get("sha256Hash")?.as_str()?;
    Some(hash.to_owned())
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
