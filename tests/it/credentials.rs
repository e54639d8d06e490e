//! Bearer tokens that must be refused.

use std::time::Duration;

use daybook_entity::membership::Role;
use daybook_service::{Purpose, Secret, access::token};
use daybook_tests::{Socket, TestServer, Value, json, on_each_engine};
use jsonwebtoken::{Algorithm, EncodingKey, Header};

#[on_each_engine]
async fn token_that_does_not_hold_is_a_401_with_a_challenge(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let ask = async |authorization: String| {
        let body = json!({ "query": "{ viewer { subject } }" });
        let request =
            admin.http.post(server.url("/graphql")).header("authorization", authorization);
        let response = request.json(&body).send().await.unwrap();
        let challenge = response.headers().get("www-authenticate").cloned();
        (response.status().as_u16(), challenge, response.json::<Value>().await.unwrap())
    };
    let (status, _, body) = ask(format!("bearer {}", admin.token.as_ref().unwrap())).await;
    assert_eq!((status, &body["data"]["viewer"]["subject"]), (200, &json!("admin")));

    let good = admin.token.as_ref().unwrap();
    let schemes = [
        ("basic", "Basic YWRtaW46YWRtaW4=".to_owned()),
        ("no token", "Bearer ".to_owned()),
        ("the scheme alone", "Bearer".to_owned()),
        ("nothing", String::new()),
        ("no scheme", good.clone()),
        ("two in one", format!("Bearer {good}, Bearer {good}")),
        ("two tokens", format!("Bearer {good} {good}")),
    ];
    let tokens =
        bad_tokens(server).into_iter().map(|(what, token)| (what, format!("Bearer {token}")));
    for (what, authorization) in tokens.chain(schemes) {
        let (status, challenge, body) = ask(authorization).await;
        assert_eq!(status, 401, "{what}: {body}");
        let challenge = challenge.unwrap_or_else(|| panic!("{what}: no challenge"));
        assert!(challenge.to_str().unwrap().starts_with("Bearer"), "{what}: {challenge:?}");
        assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{what}: {body}");
        assert!(body["data"].is_null(), "{what}: {body}");
    }
}

#[on_each_engine]
async fn two_credentials_in_one_request_are_none(server: &TestServer) {
    let admin = server.client(&server.organization("acme").await, Role::Admin).await;
    let good = format!("Bearer {}", admin.token.as_ref().unwrap());
    let routes = [
        "/graphql",
        "/graphql?query={viewer{subject}}",
        "/graphql/stream?query={viewer{subject}}",
        "/artifacts/token/file.csv",
        "/healthz",
        "/readyz",
        "/metrics",
        "/",
        "/nowhere",
    ];
    for route in routes {
        for (one, two) in
            [(&good[..], &good[..]), (&good, "Bearer other"), ("Basic YTpi", &good), ("", &good)]
        {
            let request = admin.http.get(server.url(route)).header("accept", "text/event-stream");
            let answer = request
                .header("authorization", one)
                .header("authorization", two)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status().as_u16(), 400, "{route} {one} {two}");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["code"], "BAD_USER_INPUT", "{problem}");
            assert_eq!(
                problem["detail"],
                "The request has 2 Authorization headers; send only one."
            );
        }
    }
    let mut socket = Socket::open(&server.url("/graphql"), Some("graphql-transport-ws")).await;
    let payload = json!({ "authorization": good, "Authorization": good });
    socket.send(json!({ "type": "connection_init", "payload": payload })).await;
    assert_eq!(
        socket.closed().await,
        (4400, "Invalid message: more than one authorization".to_owned())
    );
    let request = admin.http.get(server.url("/graphql")).header("authorization", "Basic YTpi");
    let headers = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "graphql-transport-ws"),
    ];
    let request =
        headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers().contains_key("www-authenticate")),
        (401, true)
    );
}

#[on_each_engine]
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

/// Returns tokens for `admin` that must be refused, each with its defect.
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
        ("a subject of Daybook's own", with("sub", json!("daybook-cli"))),
        ("a subject like a key's", with("sub", json!("api-key:1"))),
        ("a subject with NUL", with("sub", json!("a\0"))),
        ("a blank subject", with("sub", json!(" "))),
        ("an e-mail address with NUL", with("email", json!("a\0@acme.test"))),
    ]
}
