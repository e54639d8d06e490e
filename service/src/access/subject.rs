//! Subjects: whom credentials name.

use crate::{Error, Result};

/// What the subjects of API keys, and no others, begin with.
const API_KEY: &str = "api-key:";

/// Refuses a subject that nobody can have.
pub(super) fn check(subject: &str, path: &[&str]) -> Result<()> {
    if subject.is_empty() || subject.chars().count() > 200 {
        return Err(Error::invalid(path, "must have 1 to 200 characters"));
    }
    if is_api_key(subject) {
        let message = format!("begins with {API_KEY}, which only API keys do");
        return Err(Error::invalid(path, message));
    }
    Ok(())
}

/// Whether it is an API key's.
pub(super) fn is_api_key(subject: &str) -> bool {
    subject.starts_with(API_KEY)
}

/// The subject of the API key with this prefix.
pub(super) fn of_api_key(prefix: &str) -> String {
    format!("{API_KEY}{prefix}")
}

/// The prefix of the API key whose subject this is.
pub(super) fn api_key_prefix(subject: &str) -> Option<&str> {
    subject.strip_prefix(API_KEY)
}
