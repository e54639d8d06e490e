//! Trusted documents: if the operator configures a file of them, only these are executed.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use anyhow::{Context, Result, bail};
use async_graphql::ServerError;
use sha2::{Digest, Sha256};

use super::{errors, parameters::Source};
use crate::graphql::{Documents, code};

/// Optional prefix of a hash (GraphQL over HTTP, appendix A).
const HASH_PREFIX: &str = "sha256:";
/// Maximum length of a document's ID, in bytes.
const MAX_ID_BYTES: usize = 200;

/// The documents that are executed; all if no file is configured.
#[derive(Debug)]
pub(super) enum Trusted {
    /// Any document is executed.
    All,
    /// Trusted documents by ID, and by their SHA-256 in hexadecimal.
    These(HashMap<String, String>),
}

impl Trusted {
    /// Loads the file at `path`: a JSON object that maps IDs, usually SHA-256 in hexadecimal, to texts.
    /// Each document is checked like that of a request.
    ///
    /// # Errors
    /// Fails if the file can't be read, a hash does not match its text, or a document is not valid.
    pub(super) fn load(path: Option<&Path>, documents: &Documents) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::All) };
        let describe = || format!("DAYBOOK_TRUSTED_DOCUMENTS: {} can't be used", path.display());
        let json = std::fs::read(path).with_context(describe)?;
        let file = serde_json::from_slice(&json).context("it must be a JSON object of texts");
        let file: HashMap<String, String> = file.with_context(describe)?;
        let mut trusted = HashMap::new();
        for (id, text) in file {
            check(&id, &text, documents).with_context(describe)?;
            trusted.insert(hash(&text), text.clone());
            trusted.insert(plain(&id).to_owned(), text);
        }
        Ok(Self::These(trusted))
    }

    /// Names of the operations in trusted documents. Their number is bounded, unlike that of clients' names.
    pub(super) fn operations(&self, documents: &Documents) -> BTreeSet<String> {
        let Self::These(these) = self else { return BTreeSet::new() };
        let documents = these.values().filter_map(|text| documents.get(text).ok());
        documents.flat_map(|document| document.names()).collect()
    }

    /// Returns the text of the document that `source` names.
    ///
    /// # Errors
    /// Fails if the document is not trusted, or an ID is used without trusted documents.
    pub(super) fn text<'a>(&'a self, source: &'a Source) -> Result<&'a str, Vec<ServerError>> {
        let these = match (self, source) {
            (Self::All, Source::Text(text) | Source::IdOfText(_, text)) => return Ok(text),
            (Self::All, Source::Id(_)) => {
                let message =
                    "This server has no trusted documents; send the document's text as `query`";
                return Err(vec![errors::error(code::NOT_SUPPORTED, message)]);
            }
            (Self::These(these), _) => these,
        };
        let found = match source {
            Source::Text(text) => these.get(&hash(text)),
            Source::Id(id) => these.get(plain(id)),
            Source::IdOfText(id, text) => these.get(plain(id)).filter(|found| *found == text),
        };
        found.map(String::as_str).ok_or_else(|| {
            let message =
                "This server executes only trusted documents, and this document is not one of them";
            vec![errors::error(code::NOT_TRUSTED, message)]
        })
    }
}

fn check(id: &str, text: &str, documents: &Documents) -> Result<()> {
    let plain = plain(id);
    if plain.is_empty() || plain.len() > MAX_ID_BYTES {
        bail!("an ID must have 1 to {MAX_ID_BYTES} bytes");
    }
    let is_hash = plain.len() == 64 && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
    if (is_hash || id.starts_with(HASH_PREFIX)) && plain != hash(text) {
        bail!("{id} is not the SHA-256 of its document; that is {}", hash(text));
    }
    if let Err(refusals) = documents.get(text) {
        let reasons: Vec<_> = refusals.into_iter().map(|refusal| refusal.message).collect();
        bail!("the document {id} is not valid: {}", reasons.join("; "));
    }
    Ok(())
}

fn plain(id: &str) -> &str {
    id.strip_prefix(HASH_PREFIX).unwrap_or(id)
}

fn hash(text: &str) -> String {
    daybook_service::hex(&Sha256::digest(text))
}
