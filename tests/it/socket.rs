//! The graphql-transport-ws protocol, message by message.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use daybook_entity::membership::Role;
use daybook_tests::{Socket, TestServer, Value, eventually, json, on_each_engine};
use futures::StreamExt;
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role as Side};

const PROTOCOL: &str = "graphql-transport-ws";
const UPDATES: &str = "subscription($organization: ID!) { jobUpdates(organizationId: $organization) { type cursor } }";

async fn open(server: &TestServer) -> Socket {
    Socket::open(&server.url("/graphql"), Some(PROTOCOL)).await
}

/// The code with which the server ends a fresh connection that says `messages`.
async fn code_after(server: &TestServer, messages: &[Value]) -> u16 {
    let mut socket = open(server).await;
    for message in messages {
        socket.send(message.clone()).await;
    }
    socket.closed().await.0
}

fn init() -> Value {
    json!({ "type": "connection_init" })
}

fn subscribe(id: &str, query: &str) -> Value {
    json!({ "id": id, "type": "subscribe", "payload": { "query": query } })
}

async fn admin(server: &TestServer) -> (String, daybook_tests::Client, Socket) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let socket = server.socket(admin.token.as_ref().unwrap()).await;
    (acme, admin, socket)
}

/// Subscribes and waits until the subscription is live.
async fn watch(socket: &mut Socket, id: &str, organization: &str) {
    socket.subscribe(id, UPDATES, json!({ "organization": organization })).await;
    assert_eq!(socket.data().await["jobUpdates"]["type"], "SYNCED");
}

#[on_each_engine]
async fn credential_is_optional_but_must_hold(server: &TestServer) {
    let mut socket = open(server).await;
    socket.send(init()).await;
    assert_eq!(socket.next().await, json!({ "type": "connection_ack" }));
    socket.send(subscribe("1", "{ viewer { subject } }")).await;
    let message = socket.next().await;
    assert_eq!(message["type"], "next");
    assert_eq!(message["payload"]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");

    let expired = server.token_for("admin", Duration::ZERO);
    for authorization in [
        json!("Bearer nonsense"),
        json!("nonsense"),
        json!(format!("Bearer {expired}")),
        json!(format!("Basic {}", server.token("admin"))),
        json!(5),
    ] {
        let init =
            json!({ "type": "connection_init", "payload": { "authorization": authorization } });
        assert_eq!(code_after(server, &[init]).await, 4403, "{authorization}");
    }
}

#[on_each_engine]
async fn messages_out_of_turn_end_the_connection(server: &TestServer) {
    for (messages, code) in [
        (vec![subscribe("1", "{ __typename }")], 4401),
        (vec![init(), init()], 4429),
        (vec![json!({ "type": "nonsense" })], 4400),
        (vec![init(), json!({ "type": "start", "id": "1" })], 4400),
        (vec![init(), json!({ "type": "subscribe", "id": "1" })], 4400),
        (
            vec![init(), json!({ "type": "subscribe", "payload": { "query": "{ __typename }" } })],
            4400,
        ),
        (
            vec![init(), json!({ "type": "subscribe", "id": "1", "payload": ["{ __typename }"] })],
            4400,
        ),
        (
            vec![
                init(),
                json!({ "type": "subscribe", "id": 1, "payload": { "query": "{ __typename }" } }),
            ],
            4400,
        ),
        (vec![init(), json!({ "type": "connection_ack" })], 4400),
        (vec![json!(["ping"])], 4400),
        (vec![json!("ping")], 4400),
        (vec![json!({ "type": "connection_init", "payload": [] })], 4400),
    ] {
        assert_eq!(code_after(server, &messages).await, code, "{messages:?}");
    }
}

#[on_each_engine]
async fn client_that_does_not_introduce_itself_is_sent_away(server: &TestServer) {
    let started = Instant::now();
    let mut socket = open(server).await;
    // Being alive is no introduction.
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await, json!({ "type": "pong" }));
    assert_eq!(socket.closed().await.0, 4408);
    assert!((9..20).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[on_each_engine]
async fn other_sub_protocols_are_not_spoken(server: &TestServer) {
    let mut none = Socket::open(&server.url("/graphql"), None).await;
    assert_eq!(none.closed().await.0, 4406);
    // By hand, for a client that asks for a protocol hangs up by itself when it isn't granted.
    let request = reqwest::Client::new().get(server.url("/graphql")).headers(
        [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "graphql-ws"),
        ]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect(),
    );
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 101);
    assert_eq!(response.headers().get("sec-websocket-protocol"), None);
    let upgraded = response.upgrade().await.unwrap();
    let mut old = WebSocketStream::from_raw_socket(upgraded, Side::Client, None).await;
    let message = old.next().await.unwrap().unwrap();
    let tokio_tungstenite::tungstenite::Message::Close(Some(frame)) = message else {
        panic!("{message:?} instead of a close frame");
    };
    assert_eq!(u16::from(frame.code), 4406);
}

#[on_each_engine]
async fn id_is_one_operation_at_a_time(server: &TestServer) {
    let (acme, _, mut socket) = admin(server).await;
    socket.send(subscribe("1", "{ __typename }")).await;
    assert_eq!(socket.next().await["payload"]["data"]["__typename"], "Query");
    assert_eq!(socket.next().await, json!({ "type": "complete", "id": "1" }));
    watch(&mut socket, "1", &acme).await;
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    watch(&mut socket, "1", &acme).await;
    socket.send(subscribe("1", "{ __typename }")).await;
    let (code, reason) = socket.closed().await;
    assert_eq!((code, &reason[..]), (4409, "Subscriber for 1 already exists"));
    // A name that does not fit into a close frame.
    let mut socket = server.socket(&server.token("admin")).await;
    let long = "é".repeat(1_000);
    watch(&mut socket, &long, &acme).await;
    socket.send(subscribe(&long, "{ __typename }")).await;
    assert_eq!(socket.closed().await.0, 4409);
}

#[on_each_engine]
async fn invalid_operation_is_an_error_and_the_connection_lives(server: &TestServer) {
    let (acme, _, mut socket) = admin(server).await;
    for document in ["{", "{ noSuchField }", "query A { __typename } query B { __typename }"] {
        socket.send(subscribe("1", document)).await;
        let message = socket.next().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!("1")), "{message}");
        assert!(message["payload"][0]["message"].is_string(), "{message}");
    }
    // A subscription that can't begin.
    let document =
        "subscription($id: ID!) { jobUpdates(organizationId: $id, after: \"x\") { type } }";
    socket.subscribe("1", document, json!({ "id": acme })).await;
    let message = socket.next().await;
    let errors = if message["type"] == "error" {
        &message["payload"]
    } else {
        &message["payload"]["errors"]
    };
    assert_eq!(errors[0]["extensions"]["code"], "BAD_USER_INPUT", "{message}");
    if message["type"] == "next" {
        assert_eq!(socket.next().await["type"], "complete");
    }
    watch(&mut socket, "1", &acme).await;
}

#[on_each_engine]
async fn queries_and_mutations_run_over_the_socket(server: &TestServer) {
    let (acme, _, mut socket) = admin(server).await;
    let record = "mutation M($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { auditLogs { action } userErrors { code } } }
        query Q { viewer { subject } }";
    let input = json!({ "organizationId": acme, "entries": [daybook_tests::entry("by.socket")] });
    let payload = json!({ "query": record, "variables": { "input": input }, "operationName": "M", "extensions": {} });
    socket.send(json!({ "type": "subscribe", "id": "m", "payload": payload })).await;
    let data = socket.data().await;
    assert_eq!(data["recordAuditLogs"]["auditLogs"][0]["action"], "by.socket");
    assert_eq!(socket.next().await, json!({ "type": "complete", "id": "m" }));
    socket.send(subscribe("q", "{ viewer { subject } }")).await;
    assert_eq!(socket.data().await["viewer"]["subject"], "admin");
    assert_eq!(socket.next().await, json!({ "type": "complete", "id": "q" }));
    let count = "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"by.socket\" }) { totalCount } }";
    socket.subscribe("c", count, json!({ "id": acme })).await;
    assert_eq!(socket.data().await["auditLogs"]["totalCount"], 1);
}

#[on_each_engine]
async fn ping_gets_its_pong(server: &TestServer) {
    let (_, _, mut socket) = admin(server).await;
    for ping in [json!({ "type": "ping" }), json!({ "type": "ping", "payload": { "any": 1 } })] {
        socket.send(ping).await;
        assert_eq!(socket.next().await, json!({ "type": "pong" }));
    }
    // What was not asked for is no offence.
    socket.send(json!({ "type": "pong" })).await;
    socket.send(json!({ "type": "complete", "id": "unknown" })).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await, json!({ "type": "pong" }));
}

#[on_each_engine]
async fn completed_subscription_says_nothing_more(server: &TestServer) {
    let (acme, client, mut socket) = admin(server).await;
    watch(&mut socket, "ended", &acme).await;
    watch(&mut socket, "kept", &acme).await;
    socket.send(json!({ "type": "complete", "id": "ended" })).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await, json!({ "type": "pong" }));
    client.export(&acme, "CSV").await;
    for _ in 0..3 {
        let message = socket.next().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("next"), &json!("kept")));
    }
}

#[on_each_engine]
async fn hundred_operations_run_and_one_more_is_refused(server: &TestServer) {
    let (acme, _, mut socket) = admin(server).await;
    for id in 0..100 {
        watch(&mut socket, &id.to_string(), &acme).await;
    }
    socket.send(subscribe("one more", "{ __typename }")).await;
    let message = socket.next().await;
    assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!("one more")));
    assert_eq!(message["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    socket.send(json!({ "type": "complete", "id": "7" })).await;
    watch(&mut socket, "one more", &acme).await;
}

#[on_each_engine]
async fn every_stream_of_a_connection_gets_its_turn(server: &TestServer) {
    let (acme, client, mut socket) = admin(server).await;
    for id in 0..20 {
        watch(&mut socket, &id.to_string(), &acme).await;
    }
    client.export(&acme, "CSV").await;
    let mut told = HashSet::new();
    while told.len() < 20 {
        told.insert(socket.next().await["id"].as_str().unwrap().to_owned());
    }
}

#[on_each_engine]
async fn connection_ends_with_its_token(server: &TestServer) {
    let acme = server.organization("acme").await;
    server.client(&acme, Role::Admin).await;
    let mut socket = server.socket(&server.token_for("admin", Duration::from_secs(3))).await;
    watch(&mut socket, "1", &acme).await;
    let (code, reason) = socket.closed().await;
    assert_eq!((code, &reason[..]), (4403, "Forbidden"));
}

#[on_each_engine]
async fn every_client_is_told_that_the_server_stops(server: &TestServer) {
    let stopping = TestServer::start(server.backend()).await;
    let acme = stopping.organization("acme").await;
    stopping.client(&acme, Role::Admin).await;
    let mut sockets = vec![open(&stopping).await];
    for _ in 0..10 {
        let mut socket = stopping.socket(&stopping.token("admin")).await;
        watch(&mut socket, "1", &acme).await;
        sockets.push(socket);
    }
    let started = Instant::now();
    let (codes, ()) = tokio::join!(
        futures::future::join_all(sockets.iter_mut().map(async |socket| socket.closed().await.0)),
        stopping.finish(),
    );
    assert_eq!(codes, vec![1012; 11]);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[on_each_engine]
async fn client_that_never_reads_hinders_nobody(server: &TestServer) {
    let busy = TestServer::start(server.backend()).await;
    let acme = busy.organization("acme").await;
    let admin = busy.client(&acme, Role::Admin).await;
    let mut entry = daybook_tests::entry("long");
    entry["metadata"] = json!({ "extra": "x".repeat(60_000) });
    for _ in 0..7 {
        admin.record_entries(&acme, json!(vec![entry.clone(); 15])).await;
    }
    let page = format!(
        "{{ auditLogs(organizationId: \"{acme}\", first: 100) {{ nodes {{ metadata {{ extra }} }} }} }}"
    );
    // Answers of six megabytes, questions of two hundred kilobytes: soon the buffers between are
    // full both ways, and the server waits for the client.
    let mut deaf = busy.socket(&busy.token("admin")).await;
    // Many at once, for what is under way holds connections to the database.
    for id in 0..50 {
        deaf.send(subscribe(&format!("early {id}"), &page)).await;
    }
    let long = format!("{page} # {}", "x".repeat(200_000));
    let mut id = 0;
    eventually("a server that waits", 60, async || {
        id += 1;
        let asked = deaf.send(subscribe(&id.to_string(), &long));
        tokio::time::timeout(Duration::from_secs(3), asked).await.is_err().then_some(())
    })
    .await;
    let mut other = busy.socket(&busy.token("admin")).await;
    other.send(subscribe("1", &page)).await;
    assert_eq!(other.data().await["auditLogs"]["nodes"].as_array().unwrap().len(), 100);
    drop(other);
    let started = Instant::now();
    busy.finish().await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    drop(deaf);
}
