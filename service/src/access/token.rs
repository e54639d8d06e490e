//! Bearer tokens that the instance issues: JWTs (RFC 7519) signed with HS256.
//!
//! As RFC 8725 requires, the algorithm is pinned, issuer and audience are checked, and an expiry is
//! mandatory. A token proves an identity; it carries no permissions.

use std::time::Duration;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{Authority, Viewer, subject};
use crate::{Error, Fault, Purpose, Result, Secret};

const ISSUER: &str = "daybook";
const AUDIENCE: &str = "daybook";

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    email: Option<String>,
    iat: i64,
    exp: i64,
}

/// Issues a token that names `subject` and is valid for `ttl` from `now` on.
///
/// # Errors
/// The subject or e-mail address is invalid, or the time to live reaches beyond the year 9999.
pub fn issue(
    secret: &Secret,
    subject: &str,
    email: Option<&str>,
    ttl: Duration,
    now: DateTime<Utc>,
) -> Result<String> {
    subject::check(subject, &["subject"])?;
    if let Some(email) = email {
        subject::check_email(email, &["email"])?;
    }
    let expires_at = expiry(ttl, now)?;
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: subject.to_owned(),
        email: email.map(str::to_owned),
        iat: now.timestamp(),
        exp: expires_at.timestamp(),
    };
    let key = EncodingKey::from_secret(&secret.key(Purpose::Token));
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key);
    token.map_err(|error| Fault::encode("a token", error).into())
}

/// Returns the expiry of a token that is valid for `ttl` from `now` on.
///
/// # Errors
/// The time to live reaches beyond the year 9999.
pub fn expiry(ttl: Duration, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let expires_at = TimeDelta::from_std(ttl).ok().and_then(|ttl| now.checked_add_signed(ttl));
    let expires_at = expires_at.filter(|expires_at| expires_at.year() <= 9999);
    expires_at.ok_or_else(|| Error::invalid(&["ttl"], "is too long"))
}

/// Returns the viewer whom `token` names.
///
/// # Errors
/// [`Error::Unauthenticated`] if this instance did not issue the token, it was altered, or it has
/// expired at `now`.
pub fn verify(secret: &Secret, token: &str, now: DateTime<Utc>) -> Result<Viewer> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The expiry is required above, and compared below with the instance's own clock.
    validation.validate_exp = false;
    let claims = secret.keys(Purpose::Token).find_map(|key| {
        let key = DecodingKey::from_secret(&key);
        Some(jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?.claims)
    });
    let claims = claims.ok_or(Error::Unauthenticated("the bearer token is not valid here"))?;
    let expires_at = DateTime::from_timestamp(claims.exp, 0)
        .ok_or(Error::Unauthenticated("the bearer token is not valid here"))?;
    if expires_at <= now {
        return Err(Error::Unauthenticated("the bearer token has expired"));
    }
    let email = claims.email.as_deref().map_or(Ok(()), |email| subject::check_email(email, &[]));
    if subject::check(&claims.sub, &[]).is_err() || email.is_err() {
        return Err(Error::Unauthenticated("the bearer token is not valid here"));
    }
    Ok(Viewer {
        subject: claims.sub,
        email: claims.email,
        authority: Authority::Token { expires_at },
        request_id: None,
        traceparent: None,
        address: None,
        user_agent: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;

    fn secret(seed: char) -> Secret {
        Secret::new(&seed.to_string().repeat(32)).expect("long enough")
    }

    #[test]
    fn token_holds_until_it_expires_and_only_here() {
        let now = Clock::default().now();
        let hour = Duration::from_secs(3600);
        let token = issue(&secret('a'), "ada", Some("ada@acme.test"), hour, now).expect("a token");
        let viewer = verify(&secret('a'), &token, now).expect("valid");
        assert_eq!(
            (viewer.subject.as_str(), viewer.email.as_deref()),
            ("ada", Some("ada@acme.test"))
        );
        assert!(verify(&secret('a'), &token, now + hour).is_err(), "expired");
        assert!(verify(&secret('b'), &token, now).is_err(), "another instance's");
    }

    #[test]
    fn token_without_signature_or_expiry_is_refused() {
        let now = Clock::default().now();
        let key = EncodingKey::from_secret(&secret('a').key(Purpose::Token));
        let claims = serde_json::json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": 0});
        let eternal =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).expect("JSON");
        assert!(verify(&secret('a'), &eternal, now).is_err(), "no expiry");
        let claims = serde_json::json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": 0, "exp": 99_999_999_999_i64,
        });
        let stronger =
            jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims, &key).expect("JSON");
        assert!(verify(&secret('a'), &stronger, now).is_err(), "another algorithm");
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.";
        assert!(verify(&secret('a'), unsigned, now).is_err(), "no signature");
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::fuzz::{edited_text, edits, text};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    const NOW: i64 = 1_800_000_000;

    fn instant(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("within the calendar")
    }

    /// Returns a claim or part of a header: the right value, or almost anything else.
    fn value(right: Value) -> impl Strategy<Value = Option<Value>> {
        prop_oneof![
            6 => Just(Some(right)),
            1 => Just(None),
            1 => any::<i64>().prop_map(|number| Some(json!(number))),
            1 => any::<f64>().prop_map(|number| Some(json!(number))),
            1 => text().prop_map(|text| Some(json!(text))),
            1 => prop::sample::select(vec![
                json!(null), json!(true), json!([]), json!({}), json!(["daybook"]), json!("daybook"),
                json!("none"), json!("HS512"), json!("RS256"), json!("api-key:a"), json!(NOW - 1),
                json!(NOW + 1), json!(1e300), json!(-1), json!("1900000000"),
            ]).prop_map(Some),
        ]
    }

    fn object<const N: usize>(names: [&str; N], values: [Option<Value>; N]) -> Value {
        let pairs = names.iter().zip(values);
        let pairs = pairs.filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        Value::Object(pairs.collect::<Map<_, _>>())
    }

    proptest! {
        #[test]
        fn tokens_read_back_and_nothing_else_does(
            subject in "\\PC{1,200}",
            email in prop::option::of("[a-z@.]{1,320}"),
            edits in edits(),
            any in text(),
        ) {
            prop_assume!(subject::check(&subject, &[]).is_ok());
            let secret = Secret::new(&"s".repeat(32)).expect("long enough");
            let token = issue(&secret, &subject, email.as_deref(), Duration::from_secs(1), instant(NOW));
            let token = token.expect("a token");
            let viewer = verify(&secret, &token, instant(NOW)).expect("ours");
            prop_assert_eq!((viewer.subject, viewer.email), (subject, email));
            prop_assert!(verify(&secret, &token, instant(NOW + 1)).is_err());
            for text in [edited_text(&token, &edits), any] {
                prop_assert!(text == token || verify(&secret, &text, instant(NOW)).is_err());
            }
        }

        /// Verifies tokens of any header and claims that are signed with the right key.
        #[test]
        fn only_claims_that_hold_are_taken(
            header in [value(json!("HS256")), value(json!("JWT"))],
            claims in [
                value(json!(ISSUER)), value(json!(AUDIENCE)), value(json!("ada")), value(json!(NOW + 9)),
                value(json!(NOW)), value(json!("ada@acme.test")), value(json!(NOW)),
            ],
        ) {
            let secret = Secret::new(&"s".repeat(32)).expect("long enough");
            let header = object(["alg", "typ"], header);
            let claims = object(["iss", "aud", "sub", "exp", "iat", "email", "nbf"], claims);
            let [head, body] = [&header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
            let message = format!("{head}.{body}");
            let tag = secret.sign(Purpose::Token, &[message.as_bytes()]);
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
            if let Ok(viewer) = verify(&secret, &token, instant(NOW)) {
                prop_assert_eq!(&header["alg"], "HS256");
                prop_assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(AUDIENCE)));
                prop_assert_eq!(claims["sub"].as_str(), Some(viewer.subject.as_str()));
                prop_assert!(claims["exp"].as_i64().is_some_and(|expires_at| expires_at > NOW));
                prop_assert!(!subject::is_api_key(&viewer.subject));
            }
        }
    }
}
