//! `/metrics`, as Prometheus's own parser reads it.

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use daybook_entity::membership::Role;
use daybook_service::jobs::steps::{Attempt, AttemptError, Capacity, claim, conclude, rescue};
use daybook_tests::{
    Backend, Process, TestServer, eventually, json, on_each_engine, on_each_idle_engine,
};
use uuid::Uuid;

/// Values by name and labels: `daybook_jobs{kind=export,state=queued}`.
type Samples = BTreeMap<String, f64>;

fn parse(text: &str) -> Samples {
    let script = "import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
def key(sample):
    labels = ','.join(f'{name}={value}' for name, value in sorted(sample.labels.items()))
    return f'{sample.name}{{{labels}}}' if labels else sample.name
samples = [s for family in families(sys.stdin.read()) for s in family.samples]
print(json.dumps({key(sample): float(sample.value) for sample in samples}))";
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/readers/bin/python");
    assert!(python.exists(), "run `make readers` first");
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn scrape_at(url: &str) -> Samples {
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.status(), 200);
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(media_type.starts_with("application/openmetrics-text; version=1.0.0"), "{media_type}");
    parse(&response.text().await.unwrap())
}

async fn scrape(server: &TestServer) -> Samples {
    scrape_at(&server.url("/metrics")).await
}

fn value(samples: &Samples, name: &str) -> f64 {
    *samples.get(name).unwrap_or_else(|| panic!("no {name} in {samples:#?}"))
}

#[on_each_engine]
async fn what_a_process_does_is_counted(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 3).await;
    admin.send("{ auditLog(id: \"nonsense\") { id } }", json!({})).await;
    let id = admin.export(&acme, "CSV").await["job"]["id"].as_str().unwrap().to_owned();
    let job = admin.finished(&id).await;
    let file = admin.download(job["artifact"]["downloadUrl"].as_str().unwrap()).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    let watch = "subscription($id: ID!) { jobUpdates(organizationId: $id) { type } }";
    socket.subscribe("1", watch, json!({ "id": acme })).await;
    socket.data().await;

    let samples = scrape(server).await;
    for transition in ["requested", "started", "succeeded"] {
        let name = format!("daybook_job_transitions_total{{kind=export,transition={transition}}}");
        assert_eq!(value(&samples, &name), 1.0);
    }
    let bytes = file.len() as f64;
    assert_eq!(value(&samples, "daybook_job_output_bytes_total{kind=export}"), bytes);
    assert_eq!(value(&samples, "daybook_downloaded_bytes_total"), bytes);
    assert_eq!(value(&samples, "daybook_sockets"), 1.0);
    assert_eq!(value(&samples, "daybook_subscriptions"), 1.0);
    assert!(
        !samples.contains_key("daybook_feed_lag_seconds_count{feed=jobs}"),
        "nothing was told live"
    );
    assert_eq!(value(&samples, "daybook_jobs{kind=export,state=running}"), 0.0);
    let operations = "daybook_operation_duration_seconds_count";
    let failed = format!("{operations}{{kind=query,operation=other,outcome=error}}");
    assert_eq!(value(&samples, &failed), 1.0);
    let mutations = format!("{operations}{{kind=mutation,operation=other,outcome=ok}}");
    assert_eq!(value(&samples, &mutations), 2.0);
    eventually("a reader is idle", 20, async || {
        let idle = "daybook_pool_connections{pool=reader,state=idle}";
        (value(&scrape(server).await, idle) >= 1.0).then_some(())
    })
    .await;
    let engines_own = match server.backend() {
        Backend::Sqlite => "daybook_sqlite_wal_bytes",
        Backend::Postgres => "daybook_oldest_transaction_seconds",
    };
    assert!(value(&samples, engines_own) >= 0.0);
    drop(socket);
    eventually("the socket's end is counted", 20, async || {
        (value(&scrape(server).await, "daybook_sockets") == 0.0).then_some(())
    })
    .await;
}

const TAIL: &str =
    "subscription($id: ID!) { auditLogRecorded(organizationId: $id) { node { action } } }";

#[on_each_engine]
async fn how_late_subscribers_are_told_is_counted(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    let watch = "subscription($id: ID!) { jobUpdates(organizationId: $id) { type job { state } } }";
    socket.subscribe("1", watch, json!({ "id": acme })).await;
    assert_eq!(socket.data().await["jobUpdates"]["type"], "SYNCED");
    admin.record(&acme, 3).await;
    admin.export(&acme, "CSV").await;
    while socket.data().await["jobUpdates"]["job"]["state"] != "SUCCEEDED" {}
    let samples = scrape(server).await;
    let name = |what: &str, feed: &str| format!("daybook_feed_lag_seconds_{what}{{feed={feed}}}");
    let rounds = value(&samples, &name("count", "jobs"));
    // Three transitions, which may be told together.
    assert!((1.0..=3.0).contains(&rounds), "{rounds}");
    assert!(value(&samples, &name("sum", "jobs")) > 0.0);
    assert!(!samples.contains_key(&name("count", "audit_log")));

    let mut tail = server.socket(admin.token.as_ref().unwrap()).await;
    tail.subscribe("1", TAIL, json!({ "id": acme })).await;
    // It begins at the log's end, wherever that is when it begins.
    eventually("an entry that is told live", 20, async || {
        admin.record(&acme, 1).await;
        let samples = scrape(server).await;
        samples.get(&name("count", "audit_log")).filter(|rounds| **rounds >= 1.0).map(drop)
    })
    .await;
}

#[on_each_idle_engine]
async fn what_goes_wrong_with_jobs_is_counted(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    admin.export(&acme, "CSV").await;
    server.clock.advance(Duration::from_secs(7));
    let waiting = scrape(server).await;
    assert_eq!(value(&waiting, "daybook_jobs{kind=export,state=queued}"), 1.0);
    let age = value(&waiting, "daybook_queue_age_seconds");
    assert!((7.0..60.0).contains(&age), "{age}");

    let room = Capacity { free: 1, running: HashMap::new(), last: Uuid::nil() };
    let claimed = claim(&server.instance().worker, room).await.unwrap().pop().unwrap();
    let running = scrape(server).await;
    assert_eq!(value(&running, "daybook_jobs{kind=export,state=running}"), 1.0);
    assert_eq!(value(&running, "daybook_queue_age_seconds"), 0.0);
    server.clock.advance(Duration::from_secs(31));
    assert_eq!(rescue(&server.instance().core).await.unwrap(), 1);
    // The attempt that lost its lease comes to its end all the same.
    let attempt = Attempt::new(Arc::clone(&server.instance().core), claimed);
    conclude(&server.instance().worker, attempt, Err(AttemptError::Interrupted)).await;
    let samples = scrape(server).await;
    let rescued = "daybook_job_transitions_total{kind=export,transition=rescued}";
    assert_eq!(value(&samples, rescued), 1.0);
    let stalled = "daybook_job_failures_total{code=STALLED,kind=export,transition=rescued}";
    assert_eq!(value(&samples, stalled), 1.0);
    assert_eq!(value(&samples, "daybook_job_stale_claims_total"), 1.0);
}

fn free_address() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn own_listener_has_metrics_alone_and_known_operations_have_names() {
    let address = free_address();
    let server = TestServer::start_with(Backend::Sqlite, |config| {
        config.server_limits.metrics_listen = Some(address);
        config.server_limits.metrics_operations = vec!["WhoAmI".to_owned()];
    })
    .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for name in ["WhoAmI", "Guessed1", "Guessed2"] {
        let body = json!({ "query": format!("query {name} {{ viewer {{ subject }} }}"), "operationName": name });
        let request = admin.http.post(server.url("/graphql")).json(&body);
        let answer = request.bearer_auth(admin.token.as_ref().unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let samples = scrape_at(&format!("http://{address}/metrics")).await;
    let count = |operation: &str| {
        let labels = format!("{{kind=query,operation={operation},outcome=ok}}");
        value(&samples, &format!("daybook_operation_duration_seconds_count{labels}"))
    };
    assert_eq!((count("WhoAmI"), count("other")), (1.0, 2.0));
    assert_eq!(reqwest::get(format!("http://{address}/graphql")).await.unwrap().status(), 404);
    let elsewhere = admin.http.get(server.url("/metrics")).send().await.unwrap();
    assert!(!elsewhere.text().await.unwrap().contains("daybook_jobs"));
    server.finish().await;
}

#[tokio::test]
async fn trusted_documents_are_told_apart_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("documents.json");
    let (one, two) = ("query Mine { viewer { subject } }", "query Yours { viewer { email } }");
    std::fs::write(&file, json!({ "mine": one, "yours": two }).to_string()).unwrap();
    let server = TestServer::start_with(Backend::Sqlite, |config| {
        config.server_limits.trusted_documents = Some(file);
    })
    .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let bodies = [
        json!({ "documentId": "mine" }),
        json!({ "documentId": "mine", "operationName": "Mine" }),
        json!({ "query": two }),
    ];
    for body in bodies {
        let request = admin.http.post(server.url("/graphql")).json(&body);
        let answer = request.bearer_auth(admin.token.as_ref().unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{body}");
    }
    let samples = scrape(&server).await;
    let counted = |(name, value): (&String, &f64)| {
        let labels = name.strip_prefix("daybook_operation_duration_seconds_count")?;
        Some((labels.to_owned(), *value))
    };
    let counted: BTreeMap<_, _> = samples.iter().filter_map(counted).collect();
    let labels = |name: &str| format!("{{kind=query,operation={name},outcome=ok}}");
    assert_eq!(counted, [(labels("Mine"), 2.0), (labels("Yours"), 1.0)].into());
    server.finish().await;
}

#[tokio::test]
async fn worker_has_metrics_where_it_is_told_to() {
    let server = TestServer::start_idle(Backend::Sqlite).await;
    let address = free_address();
    let environment = [("DAYBOOK_METRICS_LISTEN", address.to_string())];
    let mut worker = Process::worker_with(&server.config, &environment).await;
    let samples = scrape_at(&format!("http://{address}/metrics")).await;
    assert_eq!(value(&samples, "daybook_jobs{kind=export,state=queued}"), 0.0);
    worker.stop().await;
    server.finish().await;
}
