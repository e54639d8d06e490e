//! Edge cases of graphql-transport-ws: origins, invalid frames, silence, and closing.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use daybook_entity::membership::Role;
use daybook_tests::{Backend, Socket, TestServer, Value, clients, json, on_each_engine};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{CloseCode, Data, OpCode},
        },
    },
};

const UPDATES: &str =
    "subscription($organization: ID!) { jobUpdates(organizationId: $organization) { type } }";
const RECORDED: &str = "subscription($organization: ID!, $after: String) {
    auditLogRecorded(organizationId: $organization, after: $after) { cursor node { sequence } } }";

async fn open(server: &TestServer) -> Socket {
    Socket::open(&server.url("/graphql"), Some("graphql-transport-ws")).await
}

/// An organization and a socket of its administrator.
async fn admin(server: &TestServer) -> (String, daybook_tests::Client, Socket) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let socket = server.socket(admin.token.as_ref().unwrap()).await;
    (acme, admin, socket)
}

fn text(bytes: &'static [u8]) -> Message {
    Message::Frame(Frame::message(bytes, OpCode::Data(Data::Text), true))
}

#[on_each_engine]
async fn frames_that_are_no_messages_end_the_connection_with_4400(server: &TestServer) {
    for message in [
        Message::binary("{\"type\":\"ping\"}"),
        text(b"{\"type\":\"\xFF\"}"),
        text(b""),
        text(b"{\"type\":\"ping\""),
        Message::text(format!(
            "{{\"type\":\"ping\",\"payload\":{{\"a\":\"{}\"}}}}",
            "x".repeat(256 * 1024)
        )),
        Message::text("x".repeat(8 * 1024 * 1024)),
    ] {
        let mut socket = server.socket(&server.token("admin")).await;
        // The end may come before all of it is sent.
        let _ = socket.send_raw(message.clone()).await;
        assert_eq!(socket.closed().await.0, 4400, "{} bytes", message.len());
    }
    let mut socket = server.socket(&server.token("admin")).await;
    let longest =
        format!("{{\"type\":\"ping\",\"payload\":{{\"a\":\"{}\"}}}}", "x".repeat(250_000));
    socket.send_raw(Message::text(longest)).await.unwrap();
    assert_eq!(socket.next().await, json!({ "type": "pong" }));
}

#[on_each_engine]
async fn client_s_farewell_is_answered(server: &TestServer) {
    let (acme, _, mut socket) = admin(server).await;
    socket.subscribe("1", UPDATES, json!({ "organization": acme })).await;
    assert_eq!(socket.data().await["jobUpdates"]["type"], "SYNCED");
    let frame = CloseFrame { code: CloseCode::Normal, reason: "Normal Closure".into() };
    socket.send_raw(Message::Close(Some(frame.clone()))).await.unwrap();
    match socket.next_raw().await {
        Some(Ok(Message::Close(Some(echo)))) => assert_eq!(echo.code, frame.code),
        other => panic!("{other:?} instead of the closing handshake"),
    }
    assert!(socket.next_raw().await.is_none());
}

#[on_each_engine]
async fn pages_of_other_origins_are_not_let_in(server: &TestServer) {
    let url = server.url("/graphql");
    for origin in
        ["https://evil.test", "null", "", "http://127.0.0.1", "https://127.0.0.1.evil.test"]
    {
        assert_eq!(Socket::open_from(&url, origin).await.map(drop), Err(403), "{origin}");
    }
    assert!(Socket::open_from(&url, &server.url("")).await.is_ok(), "its own");
}

#[on_each_engine]
async fn operations_hold_no_more_than_two_messages_together(server: &TestServer) {
    let (acme, _, mut socket) = admin(server).await;
    let filler = "x".repeat(220_000);
    let variables = json!({ "organization": acme, "filler": filler });
    for id in ["1", "2"] {
        socket.subscribe(id, UPDATES, variables.clone()).await;
        assert_eq!(socket.data().await["jobUpdates"]["type"], "SYNCED");
    }
    socket.subscribe("3", UPDATES, variables.clone()).await;
    let message = socket.next().await;
    assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!("3")), "{message}");
    assert_eq!(message["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    assert!(message["payload"][0]["message"].as_str().unwrap().contains("524288"), "{message}");
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    socket.subscribe("3", UPDATES, variables).await;
    assert_eq!(socket.data().await["jobUpdates"]["type"], "SYNCED");
}

#[on_each_engine]
async fn busy_stream_leaves_its_neighbours_their_turns(server: &TestServer) {
    let (acme, admin, mut socket) = admin(server).await;
    admin.record(&acme, 3_000).await;
    let first = "query($id: ID!) { auditLogs(organizationId: $id, orderBy: RECORDED_ASC, first: 1) { pageInfo { endCursor } } }";
    let first = admin.query(first, json!({ "id": acme })).await;
    let after = &first["auditLogs"]["pageInfo"]["endCursor"];
    socket.subscribe("busy", RECORDED, json!({ "organization": acme, "after": after })).await;
    assert_eq!(socket.next().await["id"], "busy");
    socket.subscribe("quiet", UPDATES, json!({ "organization": acme })).await;
    socket.subscribe("query", "{ viewer { subject } }", json!({})).await;
    let mut waiting = vec!["quiet", "query"];
    let mut busy = 0;
    while !waiting.is_empty() {
        let message = socket.next().await;
        let id = message["id"].as_str().unwrap().to_owned();
        waiting.retain(|name| *name != id);
        busy += u32::from(id == "busy");
    }
    println!("{busy} of 3,000 came before");
    assert!(busy < 2_900, "{busy} came before");
}

#[on_each_engine]
async fn removed_member_gets_nothing_more_after_five_seconds(server: &TestServer) {
    let (acme, _, mut socket) = admin(server).await;
    server.set_member(&acme, "admin 2", Role::Admin).await;
    let other = server.client_of("admin 2");
    socket.subscribe("log", RECORDED, json!({ "organization": acme })).await;
    socket.subscribe("jobs", UPDATES, json!({ "organization": acme })).await;
    while socket.next().await["id"] != "jobs" {}
    let remove = "mutation($id: ID!) {
        removeMember(input: { organizationId: $id, subject: \"admin\" }) { removedSubject } }";
    let answer = other.query(remove, json!({ "id": acme })).await;
    assert_eq!(answer["removeMember"]["removedSubject"], "admin");
    let removed = Instant::now();
    let mut ends = 0;
    while ends < 2 {
        other.record(&acme, 1).await;
        let message = socket.next().await;
        assert!(removed.elapsed() < Duration::from_secs(5), "{message}");
        ends += u32::from(message["type"] == "complete");
    }
    other.record(&acme, 10).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await, json!({ "type": "pong" }));
}

#[on_each_engine]
async fn graphql_ws_client_comes_back_with_a_new_token_when_one_expires(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let short = server.token_for("admin", Duration::from_secs(8));
    let mut child = Command::new("node")
        .arg(clients::script("renew.mjs"))
        .args([&server.url("/graphql"), &acme, &short, &server.token("admin")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next(), json!({ "connected": true }));
    // The subscription is asked for with the connection, and tells what is recorded after it began.
    let mut seen = Vec::new();
    loop {
        admin.record_entries(&acme, json!([daybook_tests::entry("early")])).await;
        seen.push(next());
        if seen.iter().any(|line| line["closed"] == 4403)
            && seen.last() == Some(&json!({ "connected": true }))
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    admin.record_entries(&acme, json!([daybook_tests::entry("last")])).await;
    while next() != json!({ "action": "last" }) {}
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn listed_origins_are_let_in() {
    let server = TestServer::start_with(Backend::Sqlite, |config| {
        config.public_url = Some("https://daybook.acme.test/log".to_owned());
        config.server_limits.cors_origins = vec!["https://app.acme.test".to_owned()];
    })
    .await;
    let url = server.url("/graphql");
    for origin in ["https://app.acme.test", "https://daybook.acme.test"] {
        assert!(Socket::open_from(&url, origin).await.is_ok(), "{origin}");
    }
    assert_eq!(Socket::open_from(&url, "https://evil.test").await.map(drop), Err(403));
    server.finish().await;
}

#[tokio::test]
async fn only_the_silent_are_dropped() {
    let server = TestServer::start_with(Backend::Sqlite, |config| {
        config.server_limits.fixed.socket_ping = Duration::from_millis(200);
    })
    .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    // Reads nothing, so that it answers no ping, and says nothing.
    let mut silent = server.socket(admin.token.as_ref().unwrap()).await;
    let mut talking = server.socket(admin.token.as_ref().unwrap()).await;
    let mut reading = server.socket(admin.token.as_ref().unwrap()).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        talking.send(json!({ "type": "pong" })).await;
        let mut pings = 0;
        while pings < 1 {
            pings += i32::from(matches!(reading.next_raw().await, Some(Ok(Message::Ping(_)))));
        }
    }
    for (socket, is_alive) in [(&mut talking, true), (&mut reading, true), (&mut silent, false)] {
        let _ = socket.send_raw(Message::text("{\"type\":\"ping\"}")).await;
        let answer = loop {
            match socket.next_raw().await {
                Some(Ok(Message::Ping(_))) => {}
                other => break other,
            }
        };
        assert_eq!(matches!(answer, Some(Ok(Message::Text(_)))), is_alive, "{answer:?}");
    }
    server.finish().await;
}

#[tokio::test]
async fn time_to_introduce_oneself_can_be_set() {
    let server = TestServer::start_with(Backend::Sqlite, |config| {
        config.server_limits.fixed.socket_init_timeout = Duration::from_millis(200);
        config.server_limits.fixed.socket_message_bytes = 1_000;
    })
    .await;
    let began = Instant::now();
    let (code, reason) = open(&server).await.closed().await;
    assert_eq!((code, reason.as_str()), (4408, "Connection initialisation timeout"));
    assert!(began.elapsed() < Duration::from_secs(5));
    let mut socket = server.socket(&server.token("admin")).await;
    socket.send_raw(Message::text(" ".repeat(1_001))).await.unwrap();
    assert_eq!(socket.closed().await.0, 4400);
    server.finish().await;
}
