//! Valid and invalid tokens, each with the reason.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use daybook_tests::{Value, json};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use super::provider::{AUDIENCE, Key, Provider};

type Vectors = Vec<(String, String)>;

fn with(value: &Value, changes: &Value) -> Value {
    let mut changed = value.clone();
    changed.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    changed
}

fn without(value: &Value, name: &str) -> Value {
    let mut changed = value.clone();
    changed.as_object_mut().unwrap().remove(name);
    changed
}

/// Claims near the edge of what holds, by seconds from now, and whether they do. The clock moves while
/// vectors are asked, so that each of these is made right before.
pub(super) const NEAR: [(&str, i64, bool); 6] = [
    ("exp", -20, true),
    ("exp", -31, false),
    ("nbf", 20, true),
    ("nbf", 40, false),
    ("iat", 20, true),
    ("iat", 40, false),
];

/// Returns tokens that must be accepted.
pub(super) fn good(key: &Key, provider: &Provider, now: i64) -> Vectors {
    let (header, claims) = (key.header(), provider.claims(now));
    let mut vectors = vec![("plain".to_owned(), key.token(&claims))];
    for changes in [
        json!({ "typ": "at+jwt" }),
        json!({ "typ": "application/at+jwt" }),
        json!({ "typ": "jwt" }),
        json!({ "typ": null }),
        json!({ "x-more": [1] }),
    ] {
        let token = key.sign(&with(&header, &changes).to_string(), &claims.to_string());
        vectors.push((format!("header {changes}"), token));
    }
    // Each kind has one key only.
    let unnamed = without(&header, "kid").to_string();
    vectors.push(("no kid".to_owned(), key.sign(&unnamed, &claims.to_string())));
    for changes in [
        json!({ "aud": [AUDIENCE] }),
        json!({ "aud": ["https://other.test", AUDIENCE] }),
        json!({ "iat": now - 86_400 }),
        json!({ "exp": now as f64 + 60.5 }),
        json!({ "groups": ["a"], "more": { "deep": [null] } }),
        json!({ "email": null }),
    ] {
        vectors.push((format!("claims {changes}"), key.token(&with(&claims, &changes))));
    }
    for name in ["nbf", "iat", "email"] {
        vectors.push((format!("no {name}"), key.token(&without(&claims, name))));
    }
    vectors
}

/// Returns tokens that must be refused.
pub(super) fn bad(key: &Key, keys: &[Key], provider: &Provider, now: i64) -> Vectors {
    let claims = provider.claims(now);
    let mut vectors = bad_claims(key, provider, now);
    vectors.extend(bad_headers(key, keys, &claims));
    vectors.extend(bad_shapes(key, keys, &claims));
    vectors
}

fn bad_claims(key: &Key, provider: &Provider, now: i64) -> Vectors {
    let claims = provider.claims(now);
    let issuer = &provider.issuer;
    let changed = [
        json!({ "iss": "https://elsewhere.test" }),
        json!({ "iss": format!("{issuer}/") }),
        json!({ "iss": issuer.to_uppercase() }),
        json!({ "iss": [issuer] }),
        json!({ "iss": null }),
        json!({ "iss": "daybook" }),
        json!({ "aud": "https://other.test" }),
        json!({ "aud": format!("{AUDIENCE}/") }),
        json!({ "aud": &AUDIENCE[..AUDIENCE.len() - 1] }),
        json!({ "aud": [] }),
        json!({ "aud": ["https://other.test"] }),
        json!({ "aud": [AUDIENCE, 1] }),
        json!({ "aud": { "a": AUDIENCE } }),
        json!({ "aud": null }),
        json!({ "exp": now - 86_400 }),
        json!({ "exp": 0 }),
        json!({ "exp": -1 }),
        json!({ "exp": null }),
        json!({ "exp": (now + 600).to_string() }),
        json!({ "exp": i64::MAX }),
        json!({ "exp": 1e300 }),
        json!({ "exp": [now + 600] }),
        json!({ "nbf": now + 86_400 }),
        json!({ "nbf": "0" }),
        json!({ "iat": {} }),
        json!({ "sub": "" }),
        json!({ "sub": 1 }),
        json!({ "sub": null }),
        json!({ "sub": "a\u{0}b" }),
        json!({ "sub": "x".repeat(200) }),
    ];
    let changed = changed.iter().map(|changes| with(&claims, changes));
    let missing = ["iss", "aud", "sub", "exp"].map(|name| without(&claims, name));
    changed.chain(missing).map(|claims| (claims.to_string(), key.token(&claims))).collect()
}

fn bad_headers(key: &Key, keys: &[Key], claims: &Value) -> Vectors {
    let header = key.header();
    let mut changed = vec![
        json!({ "alg": "none" }),
        json!({ "alg": "None" }),
        json!({ "alg": "nOnE" }),
        json!({ "alg": "" }),
        json!({ "alg": null }),
        json!({ "alg": ["RS256", "ES256", "EdDSA"] }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS512" }),
        json!({ "alg": "RS384" }),
        json!({ "alg": "RS512" }),
        json!({ "alg": "PS256" }),
        json!({ "alg": "ES384" }),
        json!({ "alg": "ES256K" }),
        json!({ "alg": "rs256" }),
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": null }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "typ": "logout+jwt" }),
        json!({ "typ": "secevent+jwt" }),
        json!({ "typ": "dpop+jwt" }),
        json!({ "kid": "unknown" }),
        json!({ "kid": "shared" }),
        json!({ "kid": "weak" }),
        json!({ "kid": "" }),
        json!({ "kid": 1 }),
        json!({ "kid": "../../dev/null" }),
        json!({ "kid": "' OR 1=1 --" }),
    ];
    for other in keys.iter().filter(|other| other.id != key.id) {
        changed.push(json!({ "kid": other.id }));
        changed.push(json!({ "alg": format!("{:?}", other.algorithm) }));
    }
    let payload = claims.to_string();
    changed
        .iter()
        .map(|changes| {
            (changes.to_string(), key.sign(&with(&header, changes).to_string(), &payload))
        })
        .chain([("no alg".to_owned(), key.sign(&without(&header, "alg").to_string(), &payload))])
        .collect()
}

fn bad_shapes(key: &Key, keys: &[Key], claims: &Value) -> Vectors {
    let good = key.token(claims);
    let parts: Vec<_> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!() };
    let other = key.token(&with(claims, &json!({ "sub": "eve" })));
    let other: Vec<_> = other.split('.').collect();
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[7] ^= 1;
    let zeros = vec![0; flipped.len()];
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut vectors: Vectors = vec![
        ("two parts", format!("{header}.{payload}")),
        ("no signature", format!("{header}.{payload}.")),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.{signature}.{signature}")),
        ("a flipped bit", format!("{header}.{payload}.{}", encode(&flipped))),
        ("a signature of zeros", format!("{header}.{payload}.{}", encode(&zeros))),
        (
            "a shorter signature",
            format!("{header}.{payload}.{}", encode(&flipped[..flipped.len() - 1])),
        ),
        ("a longer signature", format!("{good}AA")),
        ("another's signature", format!("{header}.{payload}.{}", other[2])),
        ("another's payload", format!("{header}.{}.{signature}", other[1])),
        (
            "padding",
            format!("{header}.{payload}.{}", URL_SAFE.encode([&flipped[..], &[1]].concat())),
        ),
        (
            "another alphabet",
            format!("{}.{payload}.{signature}", STANDARD.encode("{\"alg\":\"???>>>\"}")),
        ),
        ("a blank", format!("{header}. {payload}.{signature}")),
        ("no payload", key.sign(&key.header().to_string(), "")),
        (
            "a payload that is a list",
            key.sign(&key.header().to_string(), &json!([claims]).to_string()),
        ),
        ("a payload that is no JSON", key.sign(&key.header().to_string(), "{")),
        (
            "a header that is a list",
            key.sign(&json!([key.header()]).to_string(), &claims.to_string()),
        ),
        ("a header that is no JSON", key.sign("{", &claims.to_string())),
        ("dots", "..".to_owned()),
        ("a long one", key.token(&with(claims, &json!({ "more": "x".repeat(20_000) })))),
    ]
    .into_iter()
    .map(|(what, token)| (what.to_owned(), token))
    .collect();
    vectors.extend(forged(key, keys, claims));
    vectors
}

/// Returns tokens with forged signatures, in every way that could look right.
fn forged(key: &Key, keys: &[Key], claims: &Value) -> Vectors {
    let stranger = match key.algorithm {
        Algorithm::RS256 => Key::rsa(&key.id),
        Algorithm::ES256 => Key::ec(&key.id),
        _ => Key::ed(&key.id),
    };
    let payload = claims.to_string();
    let mut vectors = vec![("a stranger's key".to_owned(), stranger.token(claims))];
    for brought in [
        json!({ "jwk": stranger.public() }),
        json!({ "jku": "http://127.0.0.1:1/keys" }),
        json!({ "x5u": "http://127.0.0.1:1/keys" }),
        json!({ "jwk": stranger.public(), "kid": "stranger" }),
    ] {
        let token = stranger.sign(&with(&stranger.header(), &brought).to_string(), &payload);
        vectors.push((brought.to_string(), token));
    }
    // The public key as a shared secret, which everybody has.
    for (what, secret) in [
        ("the public key", serde_json::to_vec(&key.public()).unwrap()),
        ("the shared key", vec![7; 32]),
        ("nothing", Vec::new()),
    ] {
        for algorithm in [Algorithm::HS256, Algorithm::HS512] {
            let header = with(&key.header(), &json!({ "alg": format!("{algorithm:?}") }));
            let message = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(header.to_string()),
                URL_SAFE_NO_PAD.encode(&payload)
            );
            let secret = EncodingKey::from_secret(&secret);
            let signature = crypto::sign(message.as_bytes(), &secret, algorithm).unwrap();
            vectors.push((format!("{algorithm:?} with {what}"), format!("{message}.{signature}")));
        }
    }
    for other in keys.iter().filter(|other| other.id != key.id) {
        let token = other.sign(&key.header().to_string(), &payload);
        vectors.push((format!("signed by {}", other.id), token));
    }
    vectors
}
