//! Third-party clients, each on the same walk: two pages of the log, a mutation, a job watched to its end,
//! and its file.

mod cynic;

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
};

use daybook_entity::membership::Role;
use daybook_tests::{Backend, TestServer, Value, clients};

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
