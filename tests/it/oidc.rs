//! Tokens of an OpenID provider: accepted tokens, refused tokens, and the effect of claims.

mod provider;
mod vectors;

use std::time::{Duration, Instant};

use daybook_entity::membership::Role;
use daybook_tests::{Backend, Client, Process, Socket, TestServer, Value, eventually, json};
use futures::future::join_all;
use provider::{AUDIENCE, Key, Provider};

const VIEWER: &str = "{ viewer { subject email memberships { role organization { slug } } } }";

async fn server(backend: Backend, provider: &Provider, roles: &[&str]) -> TestServer {
    TestServer::start_with(backend, |config| {
        config.identity.oidc_issuer = Some(provider.issuer.clone());
        config.identity.oidc_audience = Some(AUDIENCE.to_owned());
        config.identity.oidc_roles = roles.iter().map(|role| role.parse().unwrap()).collect();
    })
    .await
}

async fn ask(server: &TestServer, token: &str) -> (u16, Value) {
    let client = Client::new(server.url(""), None);
    let request = client.http.post(server.url("/graphql"));
    let request = request.header("authorization", format!("Bearer {token}"));
    let answer = request.json(&json!({ "query": VIEWER })).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn two_hundred_vectors_are_told_apart() {
    let keys = [Key::rsa("r1"), Key::ec("e1"), Key::ed("d1")];
    let provider = Provider::start(&keys).await;
    let server = server(Backend::Sqlite, &provider, &[]).await;
    let now = || server.clock.now().timestamp();
    let begun = Instant::now();
    let (mut accepted, mut refused) = (0, 0);
    for key in &keys {
        for (what, token) in vectors::good(key, &provider, now()) {
            is_accepted(&server, &token, &format!("{} {what}", key.id)).await;
            accepted += 1;
        }
        for (what, token) in vectors::bad(key, &keys, &provider, now()) {
            is_refused(&server, &token, &format!("{} {what}", key.id)).await;
            refused += 1;
        }
        for (claim, seconds, holds) in vectors::NEAR {
            let mut claims = provider.claims(now());
            claims[claim] = json!(now() + seconds);
            let (token, what) = (key.token(&claims), format!("{} {claim} {seconds}", key.id));
            if holds {
                is_accepted(&server, &token, &what).await;
                accepted += 1;
            } else {
                is_refused(&server, &token, &what).await;
                refused += 1;
            }
        }
    }
    let (fetched, most) = (provider.fetched(), 1 + begun.elapsed().as_secs() as usize / 30);
    println!("{accepted} accepted, {refused} refused, keys fetched {fetched} times");
    assert!(accepted + refused >= 200, "{accepted} and {refused}");
    assert!(fetched <= most, "unknown keys are no way to keep the provider busy: {fetched}");
    server.finish().await;
}

async fn is_accepted(server: &TestServer, token: &str, what: &str) {
    let (status, body) = ask(server, token).await;
    assert_eq!(status, 200, "{what}: {body}");
    assert_eq!(body["data"]["viewer"]["subject"], "oidc:ada", "{what}");
}

async fn is_refused(server: &TestServer, token: &str, what: &str) {
    let (status, body) = ask(server, token).await;
    assert_eq!(status, 401, "{what}: {body}");
    assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{what}");
}

#[tokio::test]
async fn keys_are_rotated_and_taken_back() {
    let (first, second) = (Key::ec("first"), Key::ec("second"));
    let provider = Provider::start(std::slice::from_ref(&first)).await;
    let server = server(Backend::Sqlite, &provider, &[]).await;
    let token = |key: &Key| key.token(&provider.claims(server.clock.now().timestamp()));
    assert_eq!(ask(&server, &token(&first)).await.0, 200);
    assert_eq!(ask(&server, &token(&second)).await.0, 401);
    provider.publish(std::slice::from_ref(&second));
    // Asked for a moment ago: not again, whoever asks.
    let fetched = provider.fetched();
    assert_eq!(ask(&server, &token(&second)).await.0, 401);
    assert_eq!(provider.fetched(), fetched);
    server.clock.advance(Duration::from_secs(31));
    assert_eq!(ask(&server, &token(&second)).await.0, 200);
    assert_eq!(ask(&server, &token(&first)).await.0, 401, "it was taken back");
    // Without the provider, what is known holds for hours and not for ever.
    provider.break_down();
    server.clock.advance(Duration::from_secs(3600));
    assert_eq!(ask(&server, &token(&second)).await.0, 200);
    server.clock.advance(Duration::from_secs(12 * 3600));
    assert_eq!(ask(&server, &token(&second)).await.0, 503, "it may hold, which nobody can tell");
    server.finish().await;
}

#[tokio::test]
async fn key_that_was_taken_back_while_nobody_asked_is_refused() {
    let (first, second) = (Key::ed("first"), Key::ed("second"));
    let provider = Provider::start(std::slice::from_ref(&first)).await;
    let server = server(Backend::Sqlite, &provider, &[]).await;
    let token = || first.token(&provider.claims(server.clock.now().timestamp()));
    assert_eq!(ask(&server, &token()).await.0, 200);
    provider.publish(std::slice::from_ref(&second));
    server.clock.advance(Duration::from_secs(600));
    assert_eq!(ask(&server, &token()).await.0, 401);
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_provider_keeps_no_known_key_waiting() {
    let (known, other) = (Key::ec("known"), Key::ec("other"));
    let provider = Provider::start(std::slice::from_ref(&known)).await;
    let server = server(Backend::Sqlite, &provider, &[]).await;
    let token = |key: &Key| key.token(&provider.claims(server.clock.now().timestamp()));
    let given_up = async |count: usize| {
        eventually("giving up", 60, async || (provider.hung().1 == count).then_some(())).await;
    };
    assert_eq!(ask(&server, &token(&known)).await.0, 200);
    provider.hang(true);
    // Through ten minutes and more: a fetch hangs, and what is known is used meanwhile.
    for count in 1..=3 {
        server.clock.advance(Duration::from_secs(301));
        let tokens: Vec<_> = (0..10).map(|_| token(&known)).collect();
        let answers = join_all(tokens.iter().map(|token| ask(&server, token))).await;
        assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
        assert_eq!(provider.hung().1, count - 1, "answered before the fetch was given up");
        given_up(count).await;
        assert_eq!(provider.hung().0, count, "one at a time");
    }
    // An unknown one waits for the fetch, and not for ever.
    server.clock.advance(Duration::from_secs(31));
    assert_eq!(ask(&server, &token(&other)).await.0, 401);
    given_up(4).await;
    // What the fetch brings is its answer.
    server.clock.advance(Duration::from_secs(31));
    let token = token(&other);
    let (status, ()) = tokio::join!(async { ask(&server, &token).await.0 }, async {
        eventually("a fetch", 60, async || (provider.hung().0 == 5).then_some(())).await;
        provider.publish(&[known, other]);
        provider.hang(false);
    });
    assert_eq!(status, 200);
    server.finish().await;
}

#[tokio::test]
async fn provider_that_is_away_makes_no_token_wrong() {
    let key = Key::ec("e1");
    let provider = Provider::start(std::slice::from_ref(&key)).await;
    provider.break_down();
    let server = server(Backend::Sqlite, &provider, &[]).await;
    let token = || key.token(&provider.claims(server.clock.now().timestamp()));
    let http = reqwest::Client::new();
    let query = json!({ "query": VIEWER });
    let requests = [
        http.post(server.url("/graphql")).json(&query),
        http.post(server.url("/graphql/stream")).json(&query).header("accept", "text/event-stream"),
        upgrade(http.get(server.url("/graphql"))),
    ];
    for request in requests {
        let answer = request.bearer_auth(token()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 503);
        let retry_after = answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
        assert!((1..=30).contains(&retry_after), "{retry_after}");
        let body = answer.text().await.unwrap();
        assert!(
            body.contains("UNAVAILABLE") && body.contains("provider can't be reached"),
            "{body}"
        );
    }
    let mut socket = Socket::open(&server.url("/graphql"), Some("graphql-transport-ws")).await;
    let payload = json!({ "authorization": format!("Bearer {}", token()) });
    socket.send(json!({ "type": "connection_init", "payload": payload })).await;
    assert_eq!(socket.closed().await.0, 1013, "clients try that again");
    // What needs no provider holds, or doesn't, as ever.
    assert_eq!(ask(&server, &server.token("ada")).await.0, 200);
    assert_eq!(ask(&server, "nonsense").await.0, 401);
    provider.publish(std::slice::from_ref(&key));
    server.clock.advance(Duration::from_secs(31));
    assert_eq!(ask(&server, &token()).await.0, 200);
    server.finish().await;
}

fn upgrade(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    let headers = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "graphql-transport-ws"),
    ];
    headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_for_somebody_else_is_told_to_the_log_alone() {
    let (key, stranger) = (Key::ec("e1"), Key::ec("e2"));
    let provider = Provider::start(std::slice::from_ref(&key)).await;
    let server = TestServer::start_idle(Backend::Postgres).await;
    for (signer, changes) in [
        (&key, json!({ "aud": "https://other.test" })),
        (&key, json!({ "iss": format!("{}/", provider.issuer) })),
        (&stranger, json!({ "iss": "https://stranger.test\nfake", "aud": ["a", "b"] })),
    ] {
        let environment = [
            ("DAYBOOK_OIDC_ISSUER", provider.issuer.clone()),
            ("DAYBOOK_OIDC_AUDIENCE", AUDIENCE.to_owned()),
        ];
        let mut serve = Process::serve_idle_with(&server.config, &environment).await;
        let url = serve.url().await;
        let mut claims = provider.claims(server.clock.now().timestamp());
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let client = Client::new(url, Some(signer.token(&claims)));
        for _ in 0..5 {
            let answer = client.send(VIEWER, json!({})).await;
            assert_eq!(answer.status, 401);
            let body = answer.body.to_string();
            assert!(!body.contains("test") && !body.contains(&provider.issuer), "{body}");
        }
        serve.says("a token of another issuer or audience was refused").await;
        serve.stop().await;
        let log = serve.log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("another issuer")).collect();
        assert_eq!(lines.len(), 1, "once a minute: {log}");
        let (issuer, audience) = (claims["iss"].to_string(), claims["aud"].to_string());
        for part in
            [&provider.issuer, AUDIENCE, issuer.trim_matches('"').split("\\n").next().unwrap()]
        {
            assert!(lines[0].contains(part), "{part}: {}", lines[0]);
        }
        assert!(lines[0].replace('\\', "").contains(&audience), "{audience}: {}", lines[0]);
    }
    server.finish().await;
}

#[tokio::test]
async fn claims_give_and_take_roles_as_configured() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let key = Key::ed("d1");
        let provider = Provider::start(std::slice::from_ref(&key)).await;
        let roles =
            ["groups:admins=acme:ADMIN", "groups:auditors=acme:AUDITOR", "team:ops=globex:WRITER"];
        let server = server(backend, &provider, &roles).await;
        let acme = server.organization("acme").await;
        server.organization("globex").await;
        let admin = server.client(&acme, Role::Admin).await;
        let viewer = async |more: Value| {
            let mut claims = provider.claims(server.clock.now().timestamp());
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (status, body) = ask(&server, &key.token(&claims)).await;
            assert_eq!(status, 200, "{body}");
            body["data"]["viewer"]["memberships"].clone()
        };
        let member =
            |role: &str, slug: &str| json!({ "role": role, "organization": { "slug": slug } });
        assert_eq!(viewer(json!({})).await, json!([]));
        assert_eq!(
            viewer(json!({ "groups": ["x", "auditors"] })).await,
            json!([member("AUDITOR", "acme")])
        );
        let both = viewer(json!({ "groups": ["auditors", "admins"], "team": "ops" })).await;
        assert!(
            both.as_array().unwrap().contains(&member("ADMIN", "acme")),
            "the first that fits: {both}"
        );
        assert!(both.as_array().unwrap().contains(&member("WRITER", "globex")), "{both}");
        assert_eq!(
            viewer(json!({ "groups": "admins-not", "team": ["ops"] })).await,
            json!([member("WRITER", "globex")])
        );
        assert_eq!(viewer(json!({ "groups": { "admins": true }, "team": 1 })).await, json!([]));
        let entries = "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"member.*\", actorId: \"daybook-oidc\" }) {
            nodes { action resource { externalId } changes { old new } } } }";
        let entries =
            admin.query(entries, json!({ "id": acme })).await["auditLogs"]["nodes"].clone();
        let changes: Vec<_> =
            entries.as_array().unwrap().iter().map(|entry| entry["changes"][0].clone()).collect();
        assert_eq!(
            json!(changes),
            json!([
                { "old": "ADMIN", "new": null }, { "old": "AUDITOR", "new": "ADMIN" }, { "old": null, "new": "AUDITOR" },
            ])
        );
        // Who the provider knows nothing of keeps what was given here.
        admin.query("{ viewer { subject } }", json!({})).await;
        assert!(
            admin
                .send(
                    "query($id: ID!) { auditLogs(organizationId: $id) { totalCount } }",
                    json!({ "id": acme })
                )
                .await
                .body
                .get("errors")
                .is_none()
        );
        server.finish().await;
    }
}

#[tokio::test]
async fn connection_ends_with_a_provider_s_token() {
    let key = Key::ec("e1");
    let provider = Provider::start(std::slice::from_ref(&key)).await;
    let server = server(Backend::Sqlite, &provider, &[]).await;
    let mut claims = provider.claims(server.clock.now().timestamp());
    // The leeway counts.
    claims["exp"] = json!(server.clock.now().timestamp() - 27);
    let mut socket = server.socket(&key.token(&claims)).await;
    assert_eq!(socket.closed().await.0, 4403);
    server.finish().await;
}

#[tokio::test]
async fn half_a_configuration_is_refused() {
    let server = TestServer::start(Backend::Sqlite).await;
    let key = Key::ed("d1");
    let provider = Provider::start(std::slice::from_ref(&key)).await;
    let token = key.token(&provider.claims(server.clock.now().timestamp()));
    assert_eq!(ask(&server, &token).await.0, 401, "nobody said that this provider is believed");
    for (issuer, audience, reason) in [
        (None, Some(AUDIENCE), "has no effect without DAYBOOK_OIDC_ISSUER"),
        (Some("https://idp.test"), None, "an audience is needed"),
        (Some("http://idp.test"), Some(AUDIENCE), "must begin with https://"),
        (Some("idp"), Some(AUDIENCE), "must begin with https://"),
    ] {
        let mut config = server.config.clone();
        config.identity.oidc_issuer = issuer.map(str::to_owned);
        config.identity.oidc_audience = audience.map(str::to_owned);
        let duties = daybook_api::server::Duties::Serve;
        let started =
            daybook_api::server::Server::start(config, duties, server.clock.clone()).await;
        let error = started.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(error.contains(reason), "{error}");
    }
    server.finish().await;
}
