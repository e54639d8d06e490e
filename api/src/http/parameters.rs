//! The parameters of a GraphQL request, for HTTP and WebSocket.

use std::fmt;

use serde::{
    Deserialize,
    de::{Error as _, IgnoredAny},
};
use serde_json::{Map, Value};

use super::budget::Reservation;
use crate::graphql::GivenVariables;

/// The parameters of a GraphQL request (GraphQL over HTTP, section 5.1).
#[derive(Debug, Deserialize)]
#[serde(try_from = "Raw")]
pub(super) struct Parameters {
    pub(super) source: Source,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Option<GivenVariables>,
    /// Reserved memory of the request, once it is reserved.
    pub(super) held: Option<Reservation>,
}

/// Document of a request, by text or ID.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The text of the document.
    Text(String),
    /// The ID of a trusted document.
    Id(String),
    /// The ID of a trusted document and the text that it must have.
    IdOfText(String, String),
}

/// Parameters as they are received.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw {
    #[serde(default)]
    pub(super) query: Option<String>,
    /// ID of a persisted document (GraphQL over HTTP, appendix A).
    #[serde(default)]
    pub(super) document_id: Option<String>,
    #[serde(default)]
    pub(super) operation_name: Option<String>,
    #[serde(default)]
    pub(super) variables: Option<GivenVariables>,
    /// Ignored, as the specification permits, except for an entry that names a document.
    #[serde(default)]
    pub(super) extensions: Option<Map<String, Value>>,
}

/// Error for parameters with neither a document nor an ID of one.
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

/// ID in the extension `persistedQuery`, by which clients of Apollo and others name documents.
fn persisted(extensions: Option<&Map<String, Value>>) -> Option<String> {
    let hash = extensions?.get("persistedQuery")?.get("sha256Hash")?.as_str()?;
    Some(hash.to_owned())
}

/// Parses `T` from a JSON object only. What serde derives for a struct would also accept an array of
/// the fields' values.
///
/// # Errors
/// As for serde_json; anything but an object is a data error.
pub(super) fn from_object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    let begin = json.iter().find(|byte| !byte.is_ascii_whitespace());
    match begin {
        // The rest of the text may still not be JSON, which takes precedence.
        Some(b'{') => serde_json::from_slice(json),
        _ => Err(serde_json::from_slice::<IgnoredAny>(json)
            .err()
            .unwrap_or_else(|| serde_json::Error::custom("not an object"))),
    }
}
