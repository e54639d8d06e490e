//! Subjects: the identities that credentials name.

use crate::{Error, Result, input};

/// Prefix of the subjects of API keys, and of no others.
const API_KEY: &str = "api-key:";
/// Prefix of the subjects of the operating system's users, and of no others.
const HOST_USER: &str = "os-user:";
/// Maximum length of a subject, in characters.
const MAX_SUBJECT_CHARS: usize = 200;
/// Maximum length of an e-mail address, in characters. RFC 3696 (erratum 1690) says 254; older
/// systems keep 320.
const MAX_EMAIL_CHARS: usize = 320;
/// Names of Daybook's own actors, which no other subject can have.
const RESERVED: [&str; 2] = ["daybook", "system"];
/// Prefix of Daybook's other actors, such as `daybook-cli`.
const RESERVED_PREFIX: &str = "daybook-";

/// Refuses a subject that no token and no member can have.
///
/// # Errors
/// The field at `path`, and the problem with it.
pub fn check(subject: &str, path: &[&str]) -> Result<()> {
    if is_credential(subject) {
        return Err(Error::invalid(path, "is a credential: give the subject that it names"));
    }
    input::check_name(subject, MAX_SUBJECT_CHARS, path)?;
    // Compared as people see it: a reader of the log could not tell the two apart.
    let seen = input::as_seen(subject);
    if seen.starts_with(API_KEY) {
        let message = format!("begins with {API_KEY}, which only API keys do");
        return Err(Error::invalid(path, message));
    }
    if seen.starts_with(HOST_USER) {
        let message = format!("begins with {HOST_USER}, which only users of a host do");
        return Err(Error::invalid(path, message));
    }
    if RESERVED.contains(&seen.as_str()) || seen.starts_with(RESERVED_PREFIX) {
        let message = "is a name of Daybook's own: `system`, `daybook` and what begins with \
                       `daybook-` are reserved";
        return Err(Error::invalid(path, message));
    }
    Ok(())
}

/// Refuses a text that is not an e-mail address.
///
/// # Errors
/// The field at `path`, and the problem with it.
pub(crate) fn check_email(email: &str, path: &[&str]) -> Result<()> {
    input::check_name(email, MAX_EMAIL_CHARS, path)
}

/// True for an API key or a bearer token, which must not get into the log or into an error.
fn is_credential(text: &str) -> bool {
    text.starts_with("dbk_") || text.starts_with("eyJ") && text.split('.').count() == 3
}

/// True for the subject of an API key.
pub(crate) fn is_api_key(subject: &str) -> bool {
    subject.starts_with(API_KEY)
}

/// Returns the subject of the API key with this prefix.
pub(crate) fn of_api_key(prefix: &str) -> String {
    format!("{API_KEY}{prefix}")
}

/// Returns the prefix of the API key whose subject this is.
pub(crate) fn api_key_prefix(subject: &str) -> Option<&str> {
    subject.strip_prefix(API_KEY)
}

/// Returns the subject of an operating system's user, whose name and host are short.
pub(crate) fn of_host_user(name: &str, host: &str) -> String {
    format!("{HOST_USER}{name}@{host}")
}

/// True for the subject of an operating system's user.
pub(crate) fn is_host_user(subject: &str) -> bool {
    subject.starts_with(HOST_USER)
}
