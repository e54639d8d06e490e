//! Clients that go away in the middle of their requests take nothing of others with them.
//!
//! The trap: where a request is dropped while its BEGIN is in flight, the connection returns to the
//! pool *inside* a transaction, and what others are told is stored goes with its rollback.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use daybook_api::server::Duties;
use daybook_entity::{audit_log, membership::Role};
use daybook_tests::{Backend, Client, TestServer, Value, entry, eventually, json, on_each_engine};
use futures::future::join_all;
use sea_orm::{ConnectionTrait, EntityTrait, Statement};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// Number of dropped requests in the first part, while other clients record.
const MIXED: usize = 1_500;
/// Number of dropped requests in the second part, when no other client could repair what they leave behind.
const ALONE: usize = 500;
/// Number of concurrent clients that drop their requests.
const DROPPERS: usize = 8;
/// Number of concurrent clients that keep their connections.
const WRITERS: usize = 8;
/// Minimum number of recordings by each client that keeps its connection.
const RECORDINGS: usize = 40;
/// Of the requests without an answer, those that must have been done all the same, and those that
/// must not: drops land before, in and after the work.
const SPREAD: usize = 20;

#[on_each_engine]
async fn two_thousand_dropped_requests_lose_nothing_that_was_acknowledged(server: &TestServer) {
    let acme = server.organization("acme").await;
    server.set_member(&acme, "admin", Role::Admin).await;
    // No worker of its own: what a dropped request does to a connection stays to be seen.
    let node = server.start_another(Duties::Serve).await;
    let address = node.address.to_string();
    let client = Client::new(format!("http://{address}"), Some(server.token("admin")));

    // Before, while and after the request's transaction, which row-level security takes longer to reach.
    let longest =
        Duration::from_millis(if server.instance().db.has_row_security() { 100 } else { 25 });
    let (drops, sent) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let is_over = AtomicBool::new(false);
    let droppers = async {
        let recordings = || {
            sent.fetch_add(1, Relaxed);
            recording(&acme)
        };
        let either = || if is_heads() || is_heads() { recordings() } else { export(&acme) };
        drop_requests(&address, &client, (&drops, longest), MIXED / 2, recordings).await;
        drop_requests(&address, &client, (&drops, longest), MIXED, either).await;
        is_over.store(true, Relaxed);
    };
    let writers = join_all((0..WRITERS).map(|writer| write(&client, &acme, writer, &is_over)));
    let ((), acknowledged) = tokio::join!(droppers, writers);
    let acknowledged: Vec<_> = acknowledged.into_iter().flatten().collect();
    // Recordings are gathered by a task; an export's transaction is the request's own.
    drop_requests(&address, &client, (&drops, longest), MIXED + ALONE, || export(&acme)).await;

    if server.backend() == Backend::Postgres {
        let what = "the end of every transaction";
        eventually(what, 20, async || nobody_is_in_a_transaction(server).await).await;
    }
    // Whoever comes now is served, by each connection of the pool.
    let after = (0..50).map(|_| client.record_entries(&acme, json!([entry("after")])));
    for payload in join_all(after).await {
        assert_eq!(payload["userErrors"], json!([]));
    }
    node.stop().await.unwrap();
    compare(server, [&drops, &sent].map(|count| count.load(Relaxed)), &acknowledged).await;
}

/// Sends requests and closes the connection at a random moment, until `enough` clients in all have
/// gone before their answer.
async fn drop_requests(
    address: &str,
    client: &Client,
    (drops, longest): (&AtomicUsize, Duration),
    enough: usize,
    body: impl Fn() -> Value,
) {
    let dropper = async || {
        while drops.load(Relaxed) < enough {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request(address, client, &body()).as_bytes()).await.unwrap();
            let [after] = daybook_service::random_bytes();
            tokio::time::sleep(longest * u32::from(after) / 255).await;
            let is_answered = stream.try_read(&mut [0]).is_ok();
            if is_heads() {
                // A reset instead of an orderly end.
                stream.set_zero_linger().unwrap();
            }
            drop(stream);
            drops.fetch_add(usize::from(!is_answered), Relaxed);
        }
    };
    join_all((0..DROPPERS).map(|_| dropper())).await;
}

fn is_heads() -> bool {
    let [random] = daybook_service::random_bytes();
    random < 128
}

fn recording(organization: &str) -> Value {
    let id = u128::from_be_bytes(daybook_service::random_bytes());
    let entries = json!([entry(&format!("dropped.{id:x}"))]);
    let query =
        "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { replayed } }";
    let input = json!({ "organizationId": organization, "entries": entries });
    json!({ "query": query, "variables": { "input": input } })
}

fn export(organization: &str) -> Value {
    let query = "mutation($input: StartExportInput!) { startExport(input: $input) { job { id } } }";
    let source = json!({ "auditLogs": { "filter": { "action": "nothing" } } });
    let input = json!({ "organizationId": organization, "source": source, "format": "CSV" });
    json!({ "query": query, "variables": { "input": input } })
}

fn request(address: &str, client: &Client, body: &Value) -> String {
    let body = body.to_string();
    let (length, token) = (body.len(), client.token.as_ref().unwrap());
    format!(
        "POST /graphql HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Records until the end, and returns what was acknowledged.
async fn write(
    client: &Client,
    organization: &str,
    writer: usize,
    is_over: &AtomicBool,
) -> Vec<Value> {
    let mut acknowledged = Vec::new();
    while !is_over.load(Relaxed) || acknowledged.len() < RECORDINGS {
        let action = format!("kept.{writer}.{}", acknowledged.len());
        let start = Instant::now();
        let payload = client.record_entries(organization, json!([entry(&action)])).await;
        assert!(start.elapsed() < Duration::from_secs(60), "a recording had to wait");
        assert_eq!(payload["userErrors"], json!([]));
        acknowledged.push(payload["auditLogs"][0].clone());
    }
    acknowledged
}

async fn nobody_is_in_a_transaction(server: &TestServer) -> Option<()> {
    let db = server.database.connect().await;
    let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'daybook'
        AND datname = current_database() AND state LIKE 'idle in transaction%'";
    let open =
        db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    db.close().await.unwrap();
    open.is_empty().then_some(())
}

/// Each acknowledged entry is there once, as it was answered; each dropped one at most once.
async fn compare(server: &TestServer, [drops, sent]: [usize; 2], acknowledged: &[Value]) {
    let db = server.database.connect().await;
    let mut stored: HashMap<String, Vec<audit_log::Model>> = HashMap::new();
    for row in audit_log::Entity::find().all(&db).await.unwrap() {
        stored.entry(row.action.clone()).or_default().push(row);
    }
    let jobs = daybook_entity::job::Entity::find().all(&db).await.unwrap();
    db.close().await.unwrap();
    for entry in acknowledged {
        let rows = stored.remove(entry["action"].as_str().unwrap()).unwrap_or_default();
        assert_eq!(rows.len(), 1, "rows of {entry}");
        assert_eq!(rows[0].sequence.to_string(), entry["sequence"]);
    }
    assert_eq!(stored.remove("after").unwrap().len(), 50);
    stored.retain(|action, _| action.starts_with("dropped.") || action.starts_with("kept."));
    assert!(stored.values().all(|rows| rows.len() == 1), "stored twice");
    assert!(stored.keys().all(|action| action.starts_with("dropped.")), "nobody was told");
    println!(
        "{:?}: {drops} requests dropped, {} of {sent} recordings done, {} export jobs; {} recordings \
         acknowledged to others, all found",
        server.backend(),
        stored.len(),
        jobs.len(),
        acknowledged.len(),
    );
    assert!((SPREAD..=sent - SPREAD).contains(&stored.len()), "drops all at one moment");
    assert!(
        drops >= MIXED + ALONE && !jobs.is_empty() && acknowledged.len() >= WRITERS * RECORDINGS
    );
}
