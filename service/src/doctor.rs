//! What can be told of everything that an instance stands on, without changing any of it.
//!
//! Each function looks at one thing and says what it found and what to do, for whoever runs the
//! instance.

mod database;
mod files;
mod log;
mod surroundings;

use serde::Serialize;

pub use database::{clock, replica, row_security, secret, settings, version};
pub use files::files;
pub use log::{append_only, newest_entry};
pub use surroundings::{artifacts, nats, oidc, public_url, sharing};

/// How something stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// As it should be.
    Ok,
    /// It works, and could work better or stop working.
    Warn,
    /// It does not work, or would lose something.
    Fail,
}

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it stands.
    pub health: Health,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    /// All is well with `check`.
    #[must_use]
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, health: Health::Ok, found: found.into(), advice: None }
    }

    /// `check` works, but `advice` would make it better.
    #[must_use]
    pub fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { health: Health::Warn, advice: Some(advice.into()), ..Self::ok(check, found) }
    }

    /// `check` does not work until `advice` is followed.
    #[must_use]
    pub fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { health: Health::Fail, advice: Some(advice.into()), ..Self::ok(check, found) }
    }
}
