//! Limits of the server: rate, size, slowness and number of requests.

use std::time::{Duration, Instant};

use daybook_entity::membership::Role;
use daybook_tests::{Backend, TestServer, Value, eventually, json};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

async fn with(change: impl FnOnce(&mut daybook_api::config::ServerLimits)) -> TestServer {
    TestServer::start_with(Backend::Sqlite, |config| change(&mut config.server_limits)).await
}

async fn connect(server: &TestServer) -> TcpStream {
    let url = server.url("");
    TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap()
}

/// Returns what the server sends until it closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    // A reset is an end, too.
    let _ = read.expect("the server hangs up");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn rate_of_a_credential_is_limited_and_told() {
    let server = with(|server_limits| server_limits.credential_rate = 3).await;
    let (ada, bob) = (server.client_of("ada"), server.client_of("bob"));
    let ask = async |client: &daybook_tests::Client| {
        let request =
            client.http.post(server.url("/graphql")).bearer_auth(client.token.as_ref().unwrap());
        request.json(&json!({ "query": "{ __typename }" })).send().await.unwrap()
    };
    let first = ask(&ada).await;
    assert_eq!(first.headers()["ratelimit-policy"], "\"credential\";q=3;w=1");
    assert_eq!(first.headers()["ratelimit"], "\"credential\";r=2;t=1");
    let began = Instant::now();
    let refused = eventually("a refusal", 10, async || {
        let answer = ask(&ada).await;
        (answer.status().as_u16() == 429).then_some(answer)
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(refused.headers()["retry-after"], "1");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    assert_eq!(
        body["errors"][0]["message"],
        "Too many requests: at most 3 requests per second with one credential"
    );
    assert_eq!(ask(&bob).await.status().as_u16(), 200);
    // The socket counts with the rest.
    let mut socket = server.socket(ada.token.as_ref().unwrap()).await;
    let mut codes = Vec::new();
    for id in 0..10 {
        socket.subscribe(&id.to_string(), "{ __typename }", json!({})).await;
    }
    while codes.is_empty() {
        let message = socket.next().await;
        if message["type"] == "error" {
            codes.push(message["payload"][0]["extensions"]["code"].clone());
        }
    }
    assert_eq!(codes, ["RATE_LIMITED"]);
    server.finish().await;
}

#[tokio::test]
async fn rate_of_an_address_is_limited_before_anything_else() {
    let server = with(|server_limits| server_limits.address_rate = 5).await;
    let http = reqwest::Client::new();
    let refused = eventually("a refusal", 10, async || {
        let answer = http.get(server.url("/artifacts/a/b")).send().await.unwrap();
        (answer.status().as_u16() == 429).then_some(answer)
    })
    .await;
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["code"], "RATE_LIMITED");
    assert!(body["detail"].as_str().unwrap().contains("at most 5 requests per second"), "{body}");
    // Whoever looks after it is not counted.
    for _ in 0..20 {
        assert_eq!(http.get(server.url("/healthz")).send().await.unwrap().status().as_u16(), 200);
    }
    server.finish().await;
}

#[tokio::test]
async fn operations_at_once_of_a_credential_are_limited() {
    let server = TestServer::start_with(Backend::Postgres, |config| {
        config.server_limits.fixed.credential_operations = 1;
    })
    .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 500).await;
    let page = "query($id: ID!) { auditLogs(organizationId: $id, first: 100) { totalCount nodes { id hash } } }";
    let answers =
        futures::future::join_all((0..20).map(|_| admin.send(page, json!({ "id": acme })))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty() && refused.len() < 20, "{} refused", refused.len());
    let message = refused[0].body["errors"][0]["message"].as_str().unwrap();
    assert_eq!(message, "Too many requests: at most 1 concurrent operations with one credential");
    // Each is counted out again.
    assert_eq!(admin.send(page, json!({ "id": acme })).await.status, 200);
    server.finish().await;
}

#[tokio::test]
async fn operation_that_takes_too_long_is_not_waited_for() {
    let server = TestServer::start_with(Backend::Postgres, |config| {
        config.server_limits.execution_timeout = Duration::from_millis(300);
    })
    .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let db = server.database.connect().await;
    let held = db.begin().await.unwrap();
    held.execute_unprepared("LOCK TABLE memberships IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let answer = admin
        .send(
            "query($id: ID!) { auditLogs(organizationId: $id) { totalCount } }",
            json!({ "id": acme }),
        )
        .await;
    assert_eq!(answer.code(), "TIMEOUT");
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert_eq!(message, "The operation did not finish within 300ms");
    held.rollback().await.unwrap();
    db.close().await.unwrap();
    server.finish().await;
}

#[tokio::test]
async fn two_hundred_slow_headers_disturb_nobody_and_are_hung_up_on() {
    let server = with(|server_limits| server_limits.idle_timeout = Duration::from_secs(2)).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = connect(&server).await;
        stream
            .write_all(b"GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nhost: a\r\nx-slow: ")
            .await
            .unwrap();
        slow.push(stream);
    }
    let began = Instant::now();
    let client = server.anonymous();
    for _ in 0..20 {
        client.query("{ __typename }", json!({})).await;
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // By the letter, which is no reason to wait longer.
    for stream in &mut slow {
        let _ = stream.write_all(b"x").await;
    }
    for stream in &mut slow {
        rest(stream).await;
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    server.finish().await;
}

#[tokio::test]
async fn slow_body_is_not_waited_for() {
    let server =
        with(|server_limits| server_limits.fixed.body_timeout = Duration::from_millis(300)).await;
    let mut stream = connect(&server).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("did not arrive in time"),
        "{answer}"
    );
    server.finish().await;
}

/// The answer to a body of `length` bytes, of which the client would send `sent` before it reads;
/// and how many it could.
async fn answer_after(
    server: &TestServer,
    length: usize,
    sent: usize,
    header: &str,
) -> (String, usize) {
    let mut stream = connect(server).await;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {length}\r\n{header}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = [b' '; 64 * 1024];
    let mut taken = 0;
    while taken < sent && stream.write_all(&piece).await.is_ok() {
        taken += piece.len();
    }
    (rest(&mut stream).await, taken)
}

#[tokio::test]
async fn client_that_sends_all_of_a_body_too_long_reads_why_it_is_refused() {
    let server = with(|_| ()).await;
    let mebibyte = 1024 * 1024;
    for _ in 0..5 {
        let (answer, _) = answer_after(&server, 40 * mebibyte, 40 * mebibyte, "").await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer:?}");
        assert!(
            answer.contains("longer than 320 KiB, or 7168 KiB with a credential"),
            "{answer:?}"
        );
    }
    // Nor is it sent for nothing where the client asks first.
    let asks = "expect: 100-continue\r\n";
    let (answer, _) = answer_after(&server, 40 * mebibyte, 0, asks).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer:?}");
    // There is an end to it.
    let (_, taken) = answer_after(&server, 1024 * mebibyte, 1024 * mebibyte, "").await;
    assert!(taken < 128 * mebibyte, "{taken}");
    server.finish().await;
}

#[tokio::test]
async fn connection_too_many_is_told_so() {
    let server = with(|server_limits| server_limits.connections = 3).await;
    let held = [connect(&server).await, connect(&server).await, connect(&server).await];
    let answer = eventually("a refusal", 10, async || {
        let answer = rest(&mut connect(&server).await).await;
        answer.starts_with("HTTP/1.1 503").then_some(answer)
    })
    .await;
    assert!(answer.contains("TOO_MANY_CONNECTIONS") && answer.contains("At most 3"), "{answer}");
    drop(held);
    let client = server.anonymous();
    eventually("a place", 10, async || {
        client
            .try_send("{ __typename }", json!({}))
            .await
            .ok()
            .filter(|answer| answer.status == 200)
    })
    .await;
    server.finish().await;
}

const RECORDED: &str = "subscription($id: ID!, $after: String) {
    auditLogRecorded(organizationId: $id, after: $after) { node { sequence metadata { extra } } } }";
const UPDATES: &str = "subscription($id: ID!) { jobUpdates(organizationId: $id) { type } }";

/// Opens a subscription to an organization's log, and reads no events.
async fn stalled_subscriber(server: &TestServer, token: &str, variables: &Value) -> TcpStream {
    let body = json!({ "query": RECORDED, "variables": variables }).to_string();
    // A small window, so that little fits in between.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let address = server.url("").strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let head = format!(
        "POST /graphql/stream HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\
         authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// True if an organization may open another two hundred subscriptions.
async fn has_room(server: &TestServer, token: &str, organization: &str) -> bool {
    let mut sockets = [server.socket(token).await, server.socket(token).await];
    for socket in &mut sockets {
        for id in 0..100 {
            socket.subscribe(&id.to_string(), UPDATES, json!({ "id": organization })).await;
        }
        for _ in 0..100 {
            let message = socket.next().await;
            if message["payload"].get("errors").is_some() || message["type"] == "error" {
                return false;
            }
        }
    }
    true
}

#[tokio::test]
async fn stalled_subscribers_disturb_no_healthy_one_and_are_dropped() {
    const STALLED: usize = 200;
    const HEALTHY: usize = 50;
    /// Entries of one round.
    const ROUND: usize = 10;
    let server = TestServer::start_with(Backend::Sqlite, |config| {
        config.organization_subscriptions = STALLED + HEALTHY;
        // Long enough that a busy machine makes no healthy one look stalled.
        config.server_limits.fixed.send_timeout = Duration::from_secs(10);
    })
    .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let token = admin.token.clone().unwrap();
    admin.record(&acme, 1).await;
    let last =
        "query($id: ID!) { auditLogs(organizationId: $id, first: 1) { pageInfo { endCursor } } }";
    let last = admin.query(last, json!({ "id": acme })).await;
    // However late a subscription begins, it is told of all that follows.
    let variables =
        json!({ "id": acme, "after": last["auditLogs"]["pageInfo"]["endCursor"].clone() });
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(stalled_subscriber(&server, &token, &variables).await);
    }
    let mut healthy = Vec::new();
    for _ in 0..HEALTHY {
        let mut socket = server.socket(&token).await;
        socket.subscribe("1", RECORDED, variables.clone()).await;
        healthy.push(socket);
    }
    let mut entry = daybook_tests::entry("long");
    entry["metadata"] = json!({ "extra": "x".repeat(50_000) });
    let mut longest = Duration::ZERO;
    for round in 0..20 {
        admin.record_entries(&acme, json!(vec![entry.clone(); ROUND])).await;
        let began = Instant::now();
        // All of what is recorded: who leaves something unread is a stalled one before long.
        let told = futures::future::join_all(healthy.iter_mut().map(async |socket| {
            for _ in 0..ROUND {
                socket.data().await;
            }
        }));
        let told = tokio::time::timeout(Duration::from_secs(180), told).await;
        assert!(told.is_ok(), "round {round}");
        longest = longest.max(began.elapsed());
    }
    println!("the healthy were told within {longest:?}");
    drop(healthy);
    // What the stalled ones had is free again, while their connections are held open here.
    eventually("the stalled to be dropped", 180, async || {
        has_room(&server, &token, &acme).await.then_some(())
    })
    .await;
    drop(stalled);
    server.finish().await;
}
