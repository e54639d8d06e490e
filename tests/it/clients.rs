//! Third-party clients, each on the same walk: two pages of the log, a mutation, a job watched to its end,
//! and its file.

mod cynic;

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
};

use daybook_entity::membership::Role;
use daybook_tests::{Backend, TestServer, Value, clients, json, on_each_engine};

/// Number of entries before the walk, not counting the organization's own first ones.
const RECORDED: usize = 8;

fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(clients::script(script));
    command
}

fn python(script: &str) -> Command {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join("../target/readers/bin/python");
    assert!(python.exists(), "run `make readers` first");
    let mut command = Command::new(python);
    command.arg(tests.join("clients").join(script));
    command
}

/// Starts a server whose worker does not work yet. Returns it with an organization and its admin's token.
async fn start(backend: Backend) -> (TestServer, String, String) {
    let server =
        TestServer::start_idle_with(backend, |config| config.testing.export_inline_records = 0)
            .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, RECORDED).await;
    (server, acme, admin.token.unwrap())
}

/// Runs a program through the walk. Its job starts when the program prints that it is watching.
async fn walk(backend: Backend, mut command: Command, action: &str) {
    let (server, acme, token) = start(backend).await;
    command.args([server.url("/graphql"), token, acme]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut output, mut errors) =
        (BufReader::new(child.stdout.take().unwrap()), child.stderr.take().unwrap());
    let first = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        output.read_line(&mut line).map(|_| (line, output)).unwrap()
    });
    let (line, mut output) = first.await.unwrap();
    if line == "watching\n" {
        server.start_work();
    }
    let rest = tokio::task::spawn_blocking(move || {
        let (mut said, mut wrong) = (String::new(), String::new());
        output.read_to_string(&mut said).unwrap();
        errors.read_to_string(&mut wrong).unwrap();
        (said, wrong, child.wait().unwrap())
    });
    let (said, wrong, status) = rest.await.unwrap();
    assert!(status.success() && wrong.is_empty(), "{line}{said}{wrong}");
    let seen: Value = serde_json::from_str(&said).unwrap();
    check(&seen, action);
    server.finish().await;
}

/// Asserts what a walk must have seen.
fn check(seen: &Value, action: &str) {
    let actions: Vec<_> =
        seen["actions"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(
        actions,
        ["organization.created", "member.set", "test.0", "test.1", "test.2", "test.3"]
    );
    assert_eq!(seen["recorded"], action);
    let states: Vec<_> =
        seen["states"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(states, ["QUEUED", "RUNNING", "SUCCEEDED"]);
    let file: Vec<Value> = seen["file"]
        .as_str()
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(file.len(), 1, "{file:?}");
    assert_eq!(file[0]["action"], action);
}

macro_rules! walks {
    ($($name:ident: $command:expr, $action:literal;)*) => {
        $(
            mod $name {
                use super::*;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    walk(Backend::Sqlite, $command, $action).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    walk(Backend::Postgres, $command, $action).await;
                }
            }
        )*
    };
}

walks! {
    graphql_ws: node("graphql-ws.mjs"), "client.graphql-ws";
    graphql_sse: node("graphql-sse.mjs"), "client.graphql-sse";
    urql: node("urql.mjs"), "client.urql";
    apollo: node("apollo.mjs"), "client.apollo";
    relay: node("relay.mjs"), "client.relay";
    python_gql: python("gql_walk.py"), "client.gql_walk";
}

/// Returns `value` without what clients add to it.
fn bare(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| !name.starts_with("__"));
            fields.map(|(name, value)| (name.clone(), bare(value))).collect()
        }
        Value::Array(values) => values.iter().map(bare).collect(),
        other => other.clone(),
    }
}

/// Entries of one actor and one resource whose names have changed in between, and jobs of the same person.
#[on_each_engine]
async fn normalizing_caches_mix_nothing_up(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let entries = (0..20).map(|index| {
        let who = |id: &str, kind: &str| json!({
            "id": id, "type": kind, "email": format!("{id}-{index}@acme.test"), "name": format!("{id} {index}"),
        });
        let what = |id: &str| json!({ "type": "device", "id": id, "name": format!("{id} {index}") });
        json!({
            "actor": who("admin", "AGENT"), "onBehalfOf": who("grace", "USER"), "action": format!("test.{index}"),
            "resource": what("device-7"), "relatedResources": [what("device-7"), what("device-8")],
        })
    });
    admin.record_entries(&acme, entries.collect()).await;
    for format in ["CSV", "JSON"] {
        admin.finished(admin.export(&acme, format).await["job"]["id"].as_str().unwrap()).await;
    }
    let mut command = node("caches.mjs");
    command.args([server.url("/graphql"), admin.token.clone().unwrap(), acme.clone()]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(seen["answer"]["auditLogs"]["nodes"].as_array().unwrap().len() > 20);
    assert_eq!(seen["answer"]["jobs"]["nodes"].as_array().unwrap().len(), 2);
    for client in ["apollo", "graphcache", "relay"] {
        assert_eq!(bare(&seen[client]), bare(&seen["answer"]), "{client}");
    }
}

/// A field called `id` in an output is the global ID of a node, by which caches know objects.
#[test]
fn only_nodes_have_an_id() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema.graphql");
    let schema = std::fs::read_to_string(schema).unwrap();
    let mut types = 0;
    for definition in schema.split("\ntype ").skip(1) {
        let (head, body) = definition.split_once('{').unwrap();
        let body = body.split("\n}").next().unwrap();
        types += 1;
        // An argument of this name is indented further.
        let has_id = body.lines().any(|line| line.starts_with("	id:") || line.starts_with("	id("));
        assert!(!has_id || head.contains("Node"), "{head}");
    }
    assert!(types > 50, "{types}");
}
