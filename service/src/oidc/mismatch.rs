//! Log records of tokens for another issuer or audience. The client learns nothing, but the
//! operator sees the expected and the received values, by which a wrong setting is found.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::Oidc;

/// Least time between two log records of a mismatch, since anybody can send such a token.
const WARN_INTERVAL: TimeDelta = TimeDelta::minutes(1);
/// Most characters of a claim that are logged.
const MAX_LOGGED_CHARS: usize = 200;

/// Time of the last log record.
#[derive(Debug, Default)]
pub(super) struct Mismatches(Mutex<Option<DateTime<Utc>>>);

impl Mismatches {
    /// Logs the issuer and audience of a refused token, if they differ from the configured ones.
    pub(super) fn warn(&self, settings: &Oidc, claims: &Map<String, Value>, now: DateTime<Utc>) {
        let (issuer, audience) = (claims.get("iss"), claims.get("aud"));
        let is_issuer = issuer.and_then(Value::as_str) == Some(settings.issuer.as_str());
        let is_audience = match audience {
            Some(Value::Array(all)) => all.iter().any(|it| *it == settings.audience),
            one => one.and_then(Value::as_str) == Some(settings.audience.as_str()),
        };
        if (is_issuer && is_audience) || !self.is_due(now) {
            return;
        }
        tracing::warn!(
            issuer.expected = settings.issuer,
            issuer.received = shown(issuer),
            audience.expected = settings.audience,
            audience.received = shown(audience),
            "a token of another issuer or audience was refused: if it should hold, make the \
             provider and DAYBOOK_OIDC_ISSUER, DAYBOOK_OIDC_AUDIENCE agree",
        );
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|at| now - at >= WARN_INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

/// Returns a claim as JSON on one line, shortened to the limit.
fn shown(claim: Option<&Value>) -> String {
    let text = claim.map_or_else(|| "none".to_owned(), Value::to_string);
    text.chars().take(MAX_LOGGED_CHARS).collect()
}
