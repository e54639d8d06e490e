//! `/readyz`: the status of each component, and processes that start at the same time.

use std::{fs, process::Stdio};

use daybook_api::server::Duties;
use daybook_service::private::STORE_IDENTITY;
use daybook_tests::{
    Backend, Process, TestDatabase, TestServer, Value, binary, eventually, json, on_each_engine,
};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Status and body of `/readyz`.
async fn ask(url: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("{url}/readyz")).await.unwrap();
    let headers = answer.headers();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["cache-control"], "no-store");
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    for leak in ["SELECT", "seaql", "sqlx", "Error", "/tmp", "(", "os error"] {
        assert!(!text.contains(leak), "{text}");
    }
    (status, serde_json::from_str(&text).unwrap())
}

/// Waits until `component` stands so, with the rest as it should be; what `/readyz` then says of it.
async fn becomes(server: &TestServer, component: &str, status: &str) -> Value {
    let (code, overall) = match status {
        "ok" => (200, "ready"),
        "degraded" => (200, "degraded"),
        _ => (503, "unready"),
    };
    eventually(&format!("{component}: {status}"), 20, async || {
        let (found, report) = ask(&server.url("")).await;
        let said = report["components"][component].clone();
        if said["status"] != status {
            return None;
        }
        assert_eq!((found, &report["status"]), (code, &json!(overall)), "{report}");
        for (name, other) in report["components"].as_object().unwrap() {
            assert!(name == component || other["status"] == "ok", "{report}");
        }
        Some(said)
    })
    .await
}

#[on_each_engine]
async fn ready_server_says_what_it_looked_at(server: &TestServer) {
    let ok = json!({ "status": "ok" });
    let components = json!({ "process": ok, "database": ok, "schema": ok, "artifacts": ok });
    assert_eq!(
        ask(&server.url("")).await,
        (200, json!({ "status": "ready", "components": components }))
    );
    let items = fs::read_dir(server.folder().join("artifacts")).unwrap();
    let left = items.filter(|item| item.as_ref().unwrap().file_name() != STORE_IDENTITY).count();
    assert_eq!(left, 0, "it leaves something in the store");
}

#[on_each_engine]
async fn other_schema_is_told(server: &TestServer) {
    let db = server.database.connect().await;
    let newer = async |name: &str| {
        let sql =
            format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{name}', 1)");
        db.execute_unprepared(&sql).await.unwrap();
    };
    newer("m20991231_000001_expand_all").await;
    let said = becomes(server, "schema", "degraded").await;
    assert_eq!(said["reason"], "the schema is newer than this version, which can still run on it");
    newer("m20991231_000002_contract_all").await;
    let said = becomes(server, "schema", "failed").await;
    assert_eq!(said["reason"], "the schema is newer than this version of Daybook");
    db.execute_unprepared("DELETE FROM seaql_migrations WHERE version LIKE 'm2099%'")
        .await
        .unwrap();
    becomes(server, "schema", "ok").await;
    let last = daybook_migration::names().pop().unwrap();
    db.execute_unprepared(&format!("DELETE FROM seaql_migrations WHERE version = '{last}'"))
        .await
        .unwrap();
    let said = becomes(server, "schema", "failed").await;
    assert_eq!(said["reason"], "the schema is older than this version: run `daybook migrate up`");
    newer(&last).await;
    becomes(server, "schema", "ok").await;
    db.close().await.unwrap();
}

#[on_each_engine]
async fn store_that_takes_nothing_is_told(server: &TestServer) {
    becomes(server, "artifacts", "ok").await;
    let (folder, aside) = (server.folder().join("artifacts"), server.folder().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "a file where the folder was").unwrap();
    let said = becomes(server, "artifacts", "failed").await;
    assert_eq!(said["reason"], "can't write to the artifact store");
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    becomes(server, "artifacts", "ok").await;
}

#[on_each_engine]
async fn stopping_is_told_at_once(server: &TestServer) {
    for _ in 0..20 {
        if let Some(answer) = ask_while_it_stops(server).await {
            assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
            let process = r#""process":{"status":"failed","reason":"the process is stopping"}"#;
            assert!(
                answer.contains(process) && answer.contains(r#""status":"unready""#),
                "{answer}"
            );
            return;
        }
    }
    panic!("every connection was ended before it was answered");
}

/// Returns a stopping node's answer to a request that was begun before the stop. None if the node closed the
/// connection as idle, which it may.
async fn ask_while_it_stops(server: &TestServer) -> Option<String> {
    let node = server.start_another(Duties::Serve).await;
    let mut connection = TcpStream::connect(node.address).await.unwrap();
    connection.write_all(b"GET /readyz HTTP/1.1\r\nhost: node\r\n").await.unwrap();
    // Accepted after the one above.
    assert_eq!(ask(&format!("http://{}", node.address)).await.0, 200);
    node.instance.stopping.cancel();
    let mut answer = String::new();
    let asked = connection.write_all(b"connection: close\r\n\r\n").await;
    let read = connection.read_to_string(&mut answer).await;
    node.stop().await.unwrap();
    (asked.is_ok() && read.is_ok() && !answer.is_empty()).then_some(answer)
}

/// They agree on one secret and on one schema, and none gives up because another was first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_that_start_at_once_on_an_empty_database_serve() {
    for round in 0..3 {
        // A server of its own makes the configuration, and is on another database.
        let server = TestServer::start_idle(Backend::Sqlite).await;
        let folder = TempDir::with_prefix("daybook-test-").unwrap();
        let database = TestDatabase::create(Backend::Postgres, folder.path()).await;
        let mut config = server.config.clone();
        config.database_url = Some(database.url.clone());
        config.data_dir = folder.path().to_owned();
        let serve = || Process::serve(&config, &[]);
        let (one, two, three) = tokio::join!(serve(), serve(), serve());
        let mut nodes = [one, two, three];
        for node in &nodes {
            let (status, report) = ask(node.url().await.trim()).await;
            assert_eq!(
                (status, &report["status"]),
                (200, &json!("ready")),
                "round {round}: {report}"
            );
        }
        let mut create = binary::daybook(folder.path());
        create.env("DAYBOOK_DATABASE_URL", &database.url);
        create.args(["organization", "create", "acme", "--name", "Acme"]);
        binary::stdout(&mut create);
        for node in &mut nodes {
            node.stop().await;
        }
        database.drop().await;
        server.finish().await;
    }
}

#[tokio::test]
async fn many_processes_put_an_empty_database_to_use_at_once() {
    for round in 0..8 {
        let folder = TempDir::with_prefix("daybook-test-").unwrap();
        let database = TestDatabase::create(Backend::Postgres, folder.path()).await;
        let create = |number: usize| {
            let mut command = binary::daybook(folder.path());
            let (slug, name) = (format!("acme-{number}"), "Acme");
            command.args(["organization", "create", &slug, "--name", name, "--init"]);
            command.env("DAYBOOK_DATABASE_URL", &database.url);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let processes: Vec<_> = (0..6).map(create).collect();
        for process in processes {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "round {round}: {}", binary::stderr(&output));
        }
        database.drop().await;
    }
}
