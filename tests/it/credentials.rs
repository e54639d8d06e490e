//! Bearer tokens that must not hold.

use std::time::Duration;

use daybook_entity::membership::Role;
use daybook_service::{Purpose, Secret, access::token};
use daybook_tests::{TestServer, Value, json, on_each_engine};
use jsonwebtoken::{Algorithm, EncodingKey, Header};

on_each_engine! {
    async fn token_that_does_not_hold_is_a_401_with_a_challenge(server: &TestServer) {
        let acme = server.organization("acme").await;
        let admin = server.client(&acme, Role::Admin).await;
        let ask = async |authorization: String| {
            let body = json!({ "query": "{ viewer { subject } }" });
            let request = admin.http.post(server.url("/graphql")).header("authorization", authorization);
            let response = request.json(&body).send().await.unwrap();
            let challenge = response.headers().get("www-authenticate").cloned();
            (response.status().as_u16(), challenge, response.json::<Value>().await.unwrap())
        };
        let (status, _, body) = ask(format!("bearer {}", admin.token.as_ref().unwrap())).await;
        assert_eq!((status, &body["data"]["viewer"]["subject"]), (200, &json!("admin")));

        let schemes = [("basic", "Basic YWRtaW46YWRtaW4=".to_owned()), ("empty", "Bearer ".to_owned())];
        let tokens = bad_tokens(server).into_iter().map(|(what, token)| (what, format!("Bearer {token}")));
        for (what, authorization) in tokens.chain(schemes) {
            let (status, challenge, body) = ask(authorization).await;
            assert_eq!(status, 401, "{what}: {body}");
            let challenge = challenge.unwrap_or_else(|| panic!("{what}: no challenge"));
            assert!(challenge.to_str().unwrap().starts_with("Bearer"), "{what}: {challenge:?}");
            assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{what}: {body}");
            assert!(body["data"].is_null(), "{what}: {body}");
        }
    }

    async fn token_holds_until_it_expires(server: &TestServer) {
        let acme = server.organization("acme").await;
        let mut admin = server.client(&acme, Role::Admin).await;
        admin.token = Some(server.token_for("admin", Duration::from_secs(600)));
        server.clock.advance(Duration::from_secs(590));
        let viewer = "{ viewer { subject } }";
        assert_eq!(admin.send(viewer, json!({})).await.status, 200);
        server.clock.advance(Duration::from_secs(11));
        let answer = admin.send(viewer, json!({})).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHENTICATED"));
    }
}

/// Tokens for `admin` that must not hold, by what is wrong with them.
fn bad_tokens(server: &TestServer) -> Vec<(&'static str, String)> {
    let now = server.clock.now();
    let hour = Duration::from_secs(3600);
    let secret = &server.instance().secret;
    let issue = |secret: &Secret, subject: &str, now| {
        token::issue(secret, subject, None, hour, now).unwrap()
    };
    let good = server.token("admin");
    let of_member = server.token("member");
    let part = |token: &str, index: usize| token.split('.').nth(index).unwrap().to_owned();
    let claims = json!({
        "iss": "daybook", "aud": "daybook", "sub": "admin", "iat": now.timestamp(), "exp": now.timestamp() + 3600,
    });
    let signed = |algorithm, key: [u8; 32], claims: &Value| {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(&key))
            .unwrap()
    };
    let with = |field: &str, value: Value| {
        let mut claims = claims.clone();
        claims[field] = value;
        signed(Algorithm::HS256, secret.key(Purpose::Token), &claims)
    };
    let other = Secret::new("another instance's secret, as long as it must be").unwrap();
    vec![
        ("expired", issue(secret, "admin", now - 2 * hour)),
        ("another instance's", issue(&other, "admin", now)),
        (
            "another's signature",
            format!("{}.{}.{}", part(&good, 0), part(&good, 1), part(&of_member, 2)),
        ),
        (
            "another's claims",
            format!("{}.{}.{}", part(&of_member, 0), part(&good, 1), part(&of_member, 2)),
        ),
        ("no signature", format!("{}.{}.", part(&good, 0), part(&good, 1))),
        ("algorithm none", format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", part(&good, 1))),
        ("stronger algorithm", signed(Algorithm::HS512, secret.key(Purpose::Token), &claims)),
        ("key of links", signed(Algorithm::HS256, secret.key(Purpose::Link), &claims)),
        ("another issuer", with("iss", json!("elsewhere"))),
        ("another audience", with("aud", json!("elsewhere"))),
        ("no expiry", with("exp", json!(null))),
        ("no token", "nonsense".to_owned()),
    ]
}
