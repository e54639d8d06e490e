//! Read-only diagnostics of everything that an instance depends on.
//!
//! Each function checks one thing and returns a [`Finding`] for the operator: what it found, and
//! what to do about it.

mod database;
mod dependencies;
mod files;
mod log;

use serde::Serialize;

pub use database::{clock, replica, row_security, secret, settings, version};
pub use dependencies::{artifacts, nats, oidc, public_url, sharing};
pub use files::files;
pub use log::{append_only, newest_entry, retention};

/// The verdict of a check, from best to worst.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// The check passed.
    Ok,
    /// The thing works, but could work better or may stop working.
    Warn,
    /// The thing does not work, or could lose data.
    Fail,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the check, e.g. `row-security`.
    pub check: &'static str,
    /// The check's verdict.
    pub health: Health,
    /// Description of what was found.
    pub found: String,
    /// Remedy for what was found; none if the check passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    /// Creates a finding that `check` passed.
    #[must_use]
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, health: Health::Ok, found: found.into(), advice: None }
    }

    /// Creates a warning about `check`, which `advice` would remedy.
    #[must_use]
    pub fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { health: Health::Warn, advice: Some(advice.into()), ..Self::ok(check, found) }
    }

    /// Creates a failure of `check`, which persists until `advice` is followed.
    #[must_use]
    pub fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { health: Health::Fail, advice: Some(advice.into()), ..Self::ok(check, found) }
    }
}
