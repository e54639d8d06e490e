//! Several processes with NATS between them, which goes away and comes back.

use std::{path::Path, process::Command, time::Instant};

use chrono::TimeDelta;
use daybook_tests::{Backend, NatsServer, Process, TestServer, Value, binary, eventually};
use tempfile::TempDir;

use super::{
    nodes::{Nodes, listeners, median},
    settings,
};

/// Time far below the polling interval of two seconds, and above what a busy machine takes.
const SOON: TimeDelta = TimeDelta::milliseconds(500);

/// Waits until NATS stands so at a node, which serves all the while.
async fn becomes(node: &Process, status: &str) -> Value {
    let url = format!("{}/readyz", node.url().await.trim());
    eventually(&format!("NATS: {status}"), 30, async || {
        let answer = reqwest::get(&url).await.unwrap();
        assert_eq!(answer.status(), 200, "it serves, whatever NATS does");
        let report: Value = answer.json().await.unwrap();
        let overall = if status == "ok" { "ready" } else { "degraded" };
        let nats = report["components"]["nats"].clone();
        (nats["status"] == status && report["status"] == overall).then_some(nats)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_go_by_nats_and_carry_an_organization_at_the_most() {
    let nats = NatsServer::start().await;
    let mut wiretap = nats.wiretap().await;
    let mut nodes =
        Nodes::start_with(10, |config| config.messages.nats_url = Some(nats.url())).await;
    for node in &nodes.serves {
        becomes(node, "ok").await;
    }
    let mut delays = Vec::new();
    for _ in 0..10 {
        delays.extend(nodes.delays().await);
    }
    let median = median(delays.clone());
    println!("{} transitions, median {median}, longest {:?}", delays.len(), delays.iter().max());
    assert!(delays.len() >= 25 && median < SOON, "{delays:?}");
    let database = nodes.site.server.database.connect().await;
    assert_eq!(listeners(&database).await, 0, "NATS is in place of LISTEN");
    database.close().await.unwrap();

    let (mut subjects, mut told) = (std::collections::BTreeSet::new(), 0);
    while told < 20 {
        let (subject, text) = wiretap.next().await;
        let is_about_one = ["jobs ", "log ", "rights "].iter().any(|kind| {
            text.strip_prefix(kind).is_some_and(|id| uuid::Uuid::parse_str(id).is_ok())
        });
        assert!(is_about_one || text == "queue" || text == "hello", "{text}");
        assert!(subject.starts_with("daybook.notifications."), "{subject}");
        told += usize::from(is_about_one);
        subjects.insert(subject);
    }
    assert!(subjects.len() > 1, "{subjects:?}");
    nodes.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_that_goes_away_delays_and_loses_nothing() {
    let mut nats = NatsServer::start().await;
    let mut nodes =
        Nodes::start_with(10, |config| config.messages.nats_url = Some(nats.url())).await;
    becomes(&nodes.serves[1], "ok").await;
    nodes.delays().await;
    nats.kill();
    let away = Instant::now();
    let said = becomes(&nodes.serves[1], "degraded").await;
    assert_eq!(said["reason"], "NATS is not reachable; updates from other processes are delayed");
    println!("away was told after {:?}", away.elapsed());
    // Each transition once and in order, which it looks at itself.
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        without.extend(nodes.delays().await);
    }
    nats.restart().await;
    let back = Instant::now();
    for node in &nodes.serves {
        becomes(node, "ok").await;
    }
    println!("back was told after {:?}; {without:?} without", back.elapsed());
    for _ in 0..10 {
        with.extend(nodes.delays().await);
    }
    assert!(median(with.clone()) < SOON, "{with:?}");
    nodes.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_starts_and_serves_without_nats() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("nats://{nobody}");
    let mut nodes = Nodes::start_with(10, |config| config.messages.nats_url = Some(url)).await;
    for node in &nodes.serves {
        becomes(node, "degraded").await;
    }
    assert_eq!(nodes.delays().await.len(), 3);
    nodes.finish().await;
}

/// Makes a certificate for loopback, in its folder; its authority is itself.
fn certify(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=nats"])
        .args([
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", binary::stderr(&made));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_with_tls_and_logins_are_tried_until_one_takes_it() {
    let nats = NatsServer::start_with(|folder| {
        certify(folder);
        let file = |name: &str| folder.join(name).display().to_string();
        format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\" }}
             authorization {{ user: ada, password: \"p@ss word\",
                 permissions: {{ publish: \"daybook.notifications.>\", subscribe: \"daybook.notifications.>\" }} }}",
            file("cert.pem"),
            file("key.pem"),
        )
    })
    .await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = |login: &str| format!("tls://{login}@{nobody},tls://{login}@{}", nats.address());
    let server = TestServer::start_idle_with(Backend::Sqlite, |config| {
        settings(config);
        config.messages.nats_url = Some(url("ada:p%40ss%20word"));
        config.messages.nats_ca = Some(nats.folder().join("cert.pem"));
    })
    .await;
    let mut node = Process::serve(&server.config, &["--no-jobs"]).await;
    becomes(&node, "ok").await;
    node.stop().await;
    // A wrong password, an authority that nobody trusts.
    for (login, ca) in [("ada:wrong", true), ("ada:p%40ss%20word", false)] {
        let mut config = server.config.clone();
        config.messages.nats_url = Some(url(login));
        config.messages.nats_ca = config.messages.nats_ca.filter(|_| ca);
        let mut node = Process::serve(&config, &["--no-jobs"]).await;
        // Tried, and told why not.
        node.says("NATS is not reached").await;
        becomes(&node, "degraded").await;
        assert!(!node.log().contains("wrong"), "{}", node.log());
        node.stop().await;
    }
    server.finish().await;
}

#[test]
fn unusable_nats_settings_are_refused() {
    let folder = TempDir::new().unwrap();
    for (settings, words) in [
        (&[("DAYBOOK_NATS_URL", "http://ada:geheim@x")][..], "a server is nats://HOST:PORT"),
        (&[("DAYBOOK_NATS_URL", "nats://a,tls://b")], "either all servers are tls://"),
        (&[("DAYBOOK_NATS_CREDENTIALS", "x.creds")], "has no effect without DAYBOOK_NATS_URL"),
        (
            &[("DAYBOOK_NATS_URL", "nats://a"), ("DAYBOOK_NATS_CREDENTIALS", "x.creds")],
            "x.creds: No such file",
        ),
        (&[("DAYBOOK_NATS_URL", "nats://a"), ("DAYBOOK_NATS_CA", "x.pem")], "x.pem: No such file"),
    ] {
        let mut command = binary::daybook(folder.path());
        let output = command.envs(settings.iter().copied()).args(["operator", "list"]).output();
        let output = output.unwrap();
        let said = binary::stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words) && !said.contains("geheim"), "{said}");
    }
}
