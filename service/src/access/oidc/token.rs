//! A provider's token: what its header may say, and what its claims must.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Oidc;
use crate::{Error, Result};

/// Longest token, in bytes.
const LONGEST: usize = 16 * 1024;
/// How far the provider's clock may be from ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// What a token may say it is, where it says so (RFC 7519, RFC 9068).
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// The part of a header that is looked at. Keys that a token brings along are not.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<Value>,
}

/// The header of a token of three parts, if it can be read.
pub(super) fn header(token: &str) -> Option<Header> {
    let parts: Vec<_> = token.split('.').collect();
    if token.len() > LONGEST || parts.len() != 3 {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(parts[0]).ok()?;
    let object: Map<String, Value> = serde_json::from_slice(&json).ok()?;
    // Null is no way to leave `crit` out.
    if object.contains_key("crit") {
        return None;
    }
    serde_json::from_value(Value::Object(object)).ok()
}

impl Header {
    /// The algorithm, if it's one that is taken and nothing else in the header forbids it.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        let is_type = |typ: &String| TYPES.contains(&typ.to_ascii_lowercase().as_str());
        if self.crit.is_some() || !self.typ.as_ref().is_none_or(is_type) {
            return None;
        }
        match self.alg.as_str() {
            "RS256" => Some(Algorithm::RS256),
            "ES256" => Some(Algorithm::ES256),
            "EdDSA" => Some(Algorithm::EdDSA),
            _ => None,
        }
    }
}

/// The claims, if the signature is `key`'s.
pub(super) fn claims(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> Option<Map<String, Value>> {
    let mut validation = Validation::new(algorithm);
    // Looked at in `check`, with the instance's own clock.
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    Some(jsonwebtoken::decode::<Map<String, Value>>(token, key, &validation).ok()?.claims)
}

/// What a token says that holds.
pub(super) struct Verified {
    pub(super) subject: String,
    pub(super) email: Option<String>,
    pub(super) expires_at: DateTime<Utc>,
}

/// Checks every claim that is relied on.
pub(super) fn check(
    claims: &Map<String, Value>,
    settings: &Oidc,
    now: DateTime<Utc>,
) -> Result<Verified> {
    let invalid = || Error::Unauthenticated("the bearer token is not valid here");
    if claims.get("iss").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
        return Err(invalid());
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::String(audience)) => *audience == settings.audience,
        Some(Value::Array(all)) => {
            all.iter().all(Value::is_string) && all.iter().any(|it| *it == settings.audience)
        }
        _ => false,
    };
    if !is_for_us {
        return Err(invalid());
    }
    let subject = claims.get("sub").and_then(Value::as_str).ok_or_else(invalid)?;
    if subject.is_empty() || subject.chars().any(char::is_control) {
        return Err(invalid());
    }
    let expires_at = instant(claims.get("exp").ok_or_else(invalid)?).ok_or_else(invalid)?;
    let expires_at = expires_at.checked_add_signed(LEEWAY).ok_or_else(invalid)?;
    if expires_at <= now {
        return Err(Error::Unauthenticated("the bearer token has expired"));
    }
    for name in ["nbf", "iat"] {
        let Some(claim) = claims.get(name) else { continue };
        if instant(claim).ok_or_else(invalid)? > now + LEEWAY {
            return Err(Error::Unauthenticated("the bearer token does not hold yet"));
        }
    }
    // An address that nobody has confirmed may be anybody's.
    let is_confirmed = claims.get("email_verified") != Some(&Value::Bool(false));
    let email = claims.get("email").and_then(Value::as_str).filter(|_| is_confirmed);
    let email = email.filter(|email| !email.is_empty() && email.chars().count() <= 320);
    Ok(Verified { subject: subject.to_owned(), email: email.map(str::to_owned), expires_at })
}

/// A NumericDate (RFC 7519, section 2): seconds, maybe with a fraction.
fn instant(claim: &Value) -> Option<DateTime<Utc>> {
    let seconds = claim.as_i64().or_else(|| {
        let seconds = claim.as_f64()?.floor();
        #[allow(clippy::cast_possible_truncation, reason = "within what i64 holds exactly")]
        (seconds.abs() < 9e15).then_some(seconds as i64)
    })?;
    DateTime::from_timestamp(seconds, 0)
}
