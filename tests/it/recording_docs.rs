//! The programs in `api/docs/recording.md`, each run where its language is at hand: an answer gets lost on its
//! way, and the entry is recorded once.

use std::{
    path::Path,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use daybook_entity::membership::Role;
use daybook_tests::{Backend, TestServer, clients, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

const PAGE: &str = include_str!("../../api/docs/recording.md");

/// Returns the program under a heading.
fn program(heading: &str) -> &'static str {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, block) = section.split_once("```").unwrap();
    let (_, block) = block.split_once('\n').unwrap();
    block.split_once("\n```").unwrap().0
}

fn is_there(command: &str) -> bool {
    Command::new(command).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Writes a program to `folder`, and returns the command that runs it; none if its language is not at hand.
fn command(heading: &str, folder: &Path) -> Option<Command> {
    let write = |name: &str| {
        let file = folder.join(name);
        std::fs::write(&file, program(heading)).unwrap();
        file
    };
    let run = |interpreter: &str, name: &str| {
        let mut command = Command::new(interpreter);
        command.arg(write(name));
        command
    };
    match heading {
        "TypeScript" => {
            let compiler = clients::script("node_modules/.bin/tsc");
            let mut compile = Command::new(compiler);
            compile.args(["--noCheck", "--target", "es2022", "--module", "es2022", "--outDir"]);
            let compiled = compile.arg(folder).arg(write("record.mts")).output().unwrap();
            assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stdout));
            let mut command = Command::new("node");
            command.arg(folder.join("record.mjs"));
            Some(command)
        }
        "Python" => Some(run("python3", "record.py")),
        "Java" => is_there("javac").then(|| run("java", "Record.java")),
        "Ruby" => is_there("ruby").then(|| run("ruby", "record.rb")),
        "Go" => {
            let is_there = Command::new("go").arg("version").output().is_ok();
            is_there.then(|| {
                let file = write("record.go");
                let mut command = Command::new("go");
                command.arg("run").arg(file);
                command
            })
        }
        _ => panic!("{heading}"),
    }
}

/// Starts a proxy in front of the server that drops its first answer. Returns its URL, the number of
/// connections, and the proxy, which ends when it is dropped.
async fn lossy(server: &TestServer) -> (String, Arc<AtomicUsize>, JoinSet<()>) {
    let upstream = server.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let mut proxy = JoinSet::new();
    proxy.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(&upstream).await.unwrap();
            let is_first = counted.fetch_add(1, Relaxed) == 0;
            connections.spawn(async move {
                if !is_first {
                    return drop(copy_bidirectional(&mut client, &mut server).await);
                }
                // Until the server answers, which it does once the entry is committed.
                let (mut from_client, mut to_client) = client.split();
                let (mut from_server, mut to_server) = server.split();
                let mut answer = [0];
                tokio::select! {
                    _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                    _ = from_server.read(&mut answer) => {}
                }
                let _ = to_client.shutdown().await;
            });
        }
    });
    (url, connections, proxy)
}

async fn entry_is_recorded_once(heading: &str) {
    let server = TestServer::start(Backend::Sqlite).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let create = "mutation($id: ID!) { createApiKey(input: { organizationId: $id, name: \"app\", role: WRITER }) {
        key userErrors { message } } }";
    let created = admin.query(create, json!({ "id": acme })).await["createApiKey"].clone();
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let Some(mut command) = command(heading, folder.path()) else {
        return server.finish().await;
    };
    let (url, requests, _proxy) = lossy(&server).await;
    command.env("DAYBOOK_URL", &url).env("DAYBOOK_ORGANIZATION_ID", &acme);
    command.env("DAYBOOK_API_KEY", created["key"].as_str().unwrap());
    let output: Output =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(requests.load(Relaxed) > 1, "the first answer was lost");
    let list =
        "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"device.assign\" }) {
        nodes { actor { externalId } resource { type externalId } } } }";
    let found = admin.query(list, json!({ "id": acme })).await["auditLogs"]["nodes"].clone();
    let entry = json!({ "actor": { "externalId": "ada" }, "resource": { "type": "device", "externalId": "laptop-7" } });
    assert_eq!(found, json!([entry]));
    server.finish().await;
}

macro_rules! programs {
    ($($name:ident: $heading:literal),* $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            entry_is_recorded_once($heading).await;
        })*
    };
}

programs! {
    typescript: "TypeScript",
    python: "Python",
    go: "Go",
    java: "Java",
    ruby: "Ruby",
}
