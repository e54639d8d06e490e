//! Memory that concurrent requests take, measured in a process of its own.

use daybook_entity::membership::Role;
use daybook_tests::{Backend, Client, Process, Socket, TestServer, Value, entry, json};
use futures::future::join_all;

/// Number of concurrent requests.
const MANY: usize = 256;
/// Maximum memory of the process at its peak, in KiB.
const MAX_PEAK: u64 = 300 * 1024;

const RECORD: &str = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) {
    auditLogs { id } userErrors { code } } }";
const CREATE_NOTE: &str = "mutation($input: CreateNoteInput!) { createNote(input: $input) {
    note { id } userErrors { code } } }";

/// Sends a body many times at once, and returns the statuses.
async fn send_many(client: &Client, url: &str, body: String) -> Vec<u16> {
    // Not as many copies of it.
    let body: &str = Box::leak(body.into_boxed_str());
    let send = async || {
        let request = client.http.post(format!("{url}/graphql"));
        let request = request.header("content-type", "application/json").body(body);
        let request = match &client.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    };
    join_all((0..MANY).map(|_| send())).await
}

fn recording(organization: &str, entry: &Value) -> Value {
    json!({ "input": { "organizationId": organization, "entries": [entry] } })
}

fn with_extra(extra: Value) -> Value {
    let mut entry = entry("a");
    entry["metadata"] = json!({ "extra": extra });
    entry
}

fn with_changes(value: Value) -> Value {
    let mut entry = entry("a");
    entry["changes"] = json!([{ "field": "a", "old": value }]);
    entry
}

async fn refuse_many_over_sockets(admin: &Client, url: &str, variables: &Value) {
    // All at once: those that wait for the others answer no pings, and would be closed for that.
    let (url, token) = (format!("{url}/graphql"), admin.token.as_ref().unwrap());
    let mut sockets = join_all((0..MANY).map(|_| Socket::connect(&url, token))).await;
    let refused = join_all(sockets.iter_mut().map(async |socket| {
        socket.subscribe("1", RECORD, variables.clone()).await;
        socket.next().await
    }));
    for message in refused.await {
        assert_eq!(message["type"], "error");
        let code = &message["payload"][0]["extensions"]["code"];
        assert!(["BAD_USER_INPUT", "RATE_LIMITED"].iter().any(|it| code == it), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_of_many_values_at_once_take_bounded_memory() {
    let server = TestServer::start_idle(Backend::Postgres).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let workspace = admin.create_workspace(&acme, "handbook").await;
    let process = Process::serve(&server.config, &["--no-jobs"]).await;
    let url = process.url().await.trim().trim_end_matches('/').to_owned();
    let admin = Client::new(url.clone(), admin.token);
    let anonymous = Client::new(url.clone(), None);
    let objects = |count: usize| json!(vec![json!({ "": 0 }); count]);
    let inline = format!(
        "mutation {{ recordAuditLogs(input: {{ organizationId: \"{acme}\", entries: [{{ actor: {{ id: \"a\" }},
         action: \"a\", resource: {{ type: \"d\", id: \"1\" }}, metadata: {{ extra: [{}] }} }}] }}) {{ userErrors {{ code }} }} }}",
        "{a:0}".repeat(2_900)
    );
    let request = |query: &str, variables: &Value| {
        json!({ "query": query, "variables": variables }).to_string()
    };
    let record = |entry: Value| request(RECORD, &recording(&acme, &entry));
    let note = json!({ "input": {
        "workspaceId": workspace, "path": "a", "title": "a", "body": "\u{1b}".repeat(1024 * 1024),
    } });
    for (name, client, body, expected) in [
        ("a mebibyte of objects", &admin, record(with_extra(objects(145_000))), 413),
        ("the same without a credential", &anonymous, record(with_extra(objects(145_000))), 413),
        ("few enough to be read", &admin, record(with_extra(objects(16_500))), 200),
        ("few enough without a credential", &anonymous, record(with_extra(objects(16_500))), 413),
        ("as changes", &admin, record(with_changes(json!(vec![json!([]); 49_000]))), 200),
        ("inline", &admin, request(&inline, &json!({})), 200),
        ("notes at their longest", &admin, request(CREATE_NOTE, &note), 200),
    ] {
        let statuses = send_many(client, &url, body).await;
        let peak = process.peak_memory();
        let taken = statuses.iter().filter(|status| **status == expected).count();
        println!("{name}: {taken} of {MANY} taken, peak {peak} kB");
        assert!(
            statuses.iter().all(|status| [expected, 429].contains(status)),
            "{name}: {statuses:?}"
        );
        assert!(taken > 0, "{name}");
        assert!(peak < MAX_PEAK, "{name}: {peak} kB");
    }
    refuse_many_over_sockets(&admin, &url, &recording(&acme, &with_extra(objects(36_000)))).await;
    let peak = process.peak_memory();
    assert!(peak < MAX_PEAK, "over sockets: {peak} kB");
    // It serves as before.
    assert_eq!(admin.query("{ __typename }", json!({})).await["__typename"], "Query");
    drop(process);
    server.stop().await;
}

#[tokio::test]
async fn room_that_others_have_is_waited_for_and_then_refused_with_when_to_come_back() {
    let server = TestServer::start_idle(Backend::Sqlite).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let subscription = "subscription($id: ID!, $kinds: [JobKind!]) { jobUpdates(organizationId: $id, kinds: $kinds) { type } }";
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    socket
        .subscribe("1", subscription, json!({ "id": acme, "kinds": vec!["EXPORT"; 2_000] }))
        .await;
    let message = socket.next().await;
    let text = message["payload"][0]["message"].as_str().unwrap();
    assert!(text.contains("A subscription may have at most 2000 JSON values"), "{message}");
    socket.subscribe("2", subscription, json!({ "id": acme, "kinds": ["EXPORT"] })).await;
    assert_eq!(socket.next().await["type"], "next");
    server.finish().await;
}
