//! A provider's token: the checks of its header and its claims.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Oidc;
use crate::{Error, Result, access::subject};

/// Longest token that is accepted, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Largest tolerated difference between the provider's clock and this machine's.
const CLOCK_LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// Accepted values of a token's `typ`, if it has one (RFC 7519, RFC 9068).
const ACCEPTED_TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// The part of a header that is read. Keys that a token brings along are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood. None is, so a token with any is refused.
    crit: Option<Value>,
}

/// Returns the header of a token of three parts; none if it can't be read.
pub(super) fn header(token: &str) -> Option<Header> {
    let parts: Vec<_> = token.split('.').collect();
    if token.len() > MAX_TOKEN_BYTES || parts.len() != 3 {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(parts[0]).ok()?;
    let object: Map<String, Value> = serde_json::from_slice(&json).ok()?;
    // A `crit` of null does not count as missing.
    if object.contains_key("crit") {
        return None;
    }
    serde_json::from_value(Value::Object(object)).ok()
}

impl Header {
    /// Returns the algorithm; none if it is not accepted or another field of the header forbids the
    /// token.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        let is_type = |typ: &String| ACCEPTED_TYPES.contains(&typ.to_ascii_lowercase().as_str());
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

/// Returns the claims; none if the signature is not by `key`.
pub(super) fn claims(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> Option<Map<String, Value>> {
    let mut validation = Validation::new(algorithm);
    // `check` verifies these claims with the instance's own clock.
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    Some(jsonwebtoken::decode::<Map<String, Value>>(token, key, &validation).ok()?.claims)
}

/// Returns claims of a token that is not verified, for the log only.
pub(super) fn unverified_claims(token: &str) -> Map<String, Value> {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    payload.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

/// Verified contents of a token.
pub(super) struct Verified {
    pub(super) subject: String,
    pub(super) email: Option<String>,
    pub(super) expires_at: DateTime<Utc>,
}

/// Verifies every claim that is used.
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
    // The whole subject is checked later with its prefix, which hides a blank at the beginning.
    if subject::check(subject, &[]).is_err() {
        return Err(invalid());
    }
    let expires_at = instant(claims.get("exp").ok_or_else(invalid)?).ok_or_else(invalid)?;
    let expires_at = expires_at.checked_add_signed(CLOCK_LEEWAY).ok_or_else(invalid)?;
    if expires_at <= now {
        return Err(Error::Unauthenticated("the bearer token has expired"));
    }
    for name in ["nbf", "iat"] {
        let Some(claim) = claims.get(name) else { continue };
        if instant(claim).ok_or_else(invalid)? > now + CLOCK_LEEWAY {
            return Err(Error::Unauthenticated("the bearer token does not hold yet"));
        }
    }
    // An unverified address may belong to anybody.
    let is_confirmed = claims.get("email_verified") != Some(&Value::Bool(false));
    let email = claims.get("email").and_then(Value::as_str).filter(|_| is_confirmed);
    let email = email.filter(|email| subject::check_email(email, &[]).is_ok());
    Ok(Verified { subject: subject.to_owned(), email: email.map(str::to_owned), expires_at })
}

/// Reads a NumericDate (RFC 7519, section 2): seconds, maybe with a fraction, which is dropped.
fn instant(claim: &Value) -> Option<DateTime<Utc>> {
    let seconds = claim.as_i64().or_else(|| {
        let seconds = claim.as_f64()?.floor();
        #[allow(clippy::cast_possible_truncation, reason = "within what i64 holds exactly")]
        (seconds.abs() < 9e15).then_some(seconds as i64)
    })?;
    DateTime::from_timestamp(seconds, 0)
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::fuzz::{edited_text, edits, text};
    use proptest::{collection::vec, prelude::*};
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;

    fn value(right: Value) -> impl Strategy<Value = Option<Value>> {
        prop_oneof![
            6 => Just(Some(right)),
            1 => Just(None),
            1 => any::<i64>().prop_map(|number| Some(json!(number))),
            1 => any::<f64>().prop_map(|number| Some(json!(number))),
            1 => vec(text(), 0..3).prop_map(|texts| Some(json!(texts))),
            1 => text().prop_map(|text| Some(json!(text))),
            1 => prop::sample::select(vec![
                json!(null), json!(false), json!([]), json!({}), json!(["us", 1]), json!(["us", "them"]),
                json!(NOW - 31), json!(NOW + 31), json!(NOW - 30), json!(i64::MAX), json!(u64::MAX),
                json!(9e15), json!(-9e15), json!(1.5), json!(""), json!("us\u{0}"),
            ]).prop_map(Some),
        ]
    }

    fn settings() -> Oidc {
        let (issuer, audience) = ("https://id.test".to_owned(), "us".to_owned());
        Oidc { issuer, audience, jwks_url: None, roles: Vec::new() }
    }

    proptest! {
        #[test]
        fn only_claims_that_hold_are_taken(
            values in [
                value(json!("https://id.test")), value(json!("us")), value(json!("ada")),
                value(json!(NOW + 9)), value(json!(NOW)), value(json!(NOW)), value(json!("ada@acme.test")),
                value(json!(true)),
            ],
        ) {
            let names = ["iss", "aud", "sub", "exp", "nbf", "iat", "email", "email_verified"];
            let claims = names.iter().zip(values);
            let claims = claims.filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
            let claims: Map<_, _> = claims.collect();
            let now = DateTime::from_timestamp(NOW, 0).expect("within the calendar");
            let Ok(verified) = check(&claims, &settings(), now) else { return Ok(()) };
            prop_assert_eq!(&claims["iss"], "https://id.test");
            let audiences = claims["aud"].as_array();
            prop_assert!(claims["aud"] == "us" || audiences.is_some_and(|all| all.contains(&json!("us"))));
            prop_assert_eq!(&claims["sub"], &verified.subject);
            prop_assert!(verified.expires_at > now && claims["exp"].as_f64().is_some_and(|at| at > (NOW - 30) as f64));
            for name in ["nbf", "iat"] {
                let holds = |at: &Value| at.as_f64().is_some_and(|at| at < (NOW + 31) as f64);
                prop_assert!(claims.get(name).is_none_or(holds));
            }
            prop_assert!(verified.email.is_none() || claims.get("email_verified") != Some(&json!(false)));
        }

        #[test]
        fn headers_are_of_our_algorithms_and_nothing_critical(
            values in [value(json!("RS256")), value(json!("key")), value(json!("JWT")), value(json!(null))],
            edits in edits(),
            any in text(),
        ) {
            let names = ["alg", "kid", "typ", "crit"].iter().zip(values);
            let object = names.filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
            let object = Value::Object(object.collect());
            let token = |json: &str| format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(json));
            let whole = token(&object.to_string());
            for text in [&whole, &token(&edited_text(&object.to_string(), &edits)), &edited_text(&whole, &edits), &any] {
                let Some(header) = header(text) else { continue };
                if header.algorithm().is_some() {
                    prop_assert!(["RS256", "ES256", "EdDSA"].contains(&header.alg.as_str()));
                    prop_assert!(text != &whole || object.get("crit").is_none());
                }
            }
        }
    }
}
