//! Exports of notes: complete, of one moment, reproducible, and readable by other programs.

mod content;
mod rights;

use std::{path::Path, process::Command};

use daybook_entity::membership::Role;
use daybook_tests::{Backend, Client, TestServer, Value, json, on_each_engine};

/// The input of an export of a workspace.
fn input(organization: &str, workspace: &str) -> Value {
    let source = json!({ "notes": { "workspaceId": workspace } });
    json!({ "organizationId": organization, "source": source, "format": "MARKDOWN" })
}

/// The job of a finished export and its file.
async fn export(client: &Client, organization: &str, workspace: &str) -> (Value, Vec<u8>) {
    let payload = client.start_export(input(organization, workspace)).await;
    assert_eq!(payload["userErrors"], json!([]));
    let job = client.finished(payload["job"]["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let url = job["artifact"]["downloadUrl"].as_str().unwrap();
    let bytes = client.download(url).await;
    (job, bytes)
}

/// Returns what Python's readers and unzip find in a file.
fn read(bytes: &[u8]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join("target/readers/bin/python");
    assert!(python.exists(), "run `make readers` first");
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let file = folder.path().join("notes.zip");
    std::fs::write(&file, bytes).unwrap();
    let output =
        Command::new(python).arg(root.join("tests/tools/read_notes.py")).arg(&file).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The organization acme, a member of it, and a workspace.
async fn acme(server: &TestServer) -> (String, Client, String) {
    let acme = server.organization("acme").await;
    let member = server.client(&acme, Role::Member).await;
    let workspace = member.create_workspace(&acme, "Hand: \"book\"\u{1f4d6}").await;
    (acme, member, workspace)
}

async fn create(client: &Client, workspace: &str, fields: Value) -> Value {
    let payload = client.create_note(workspace, fields).await;
    assert_eq!(payload["userErrors"], json!([]));
    payload["note"].clone()
}

#[on_each_engine]
async fn empty_workspace_is_an_index_and_a_report(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    let (job, bytes) = export(&member, &acme, &workspace).await;
    let found = read(&bytes);
    assert_eq!(found["notes"], json!([]));
    assert_eq!(
        found["report"]["text"],
        "# Broken links\n\nEvery link between notes leads somewhere.\n"
    );
    assert_eq!(
        (&job["recordsMatched"], &job["artifact"]["recordCount"]),
        (&json!("0"), &json!("0"))
    );
}

#[on_each_engine]
async fn same_notes_give_the_same_bytes(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    let mut ids = Vec::new();
    for index in 0..60 {
        let body = format!("{index} [x](missing-{index})\n").repeat(index * 4);
        let note =
            create(&member, &workspace, json!({ "path": format!("p{index}/n"), "body": body }))
                .await;
        ids.push(note["id"].as_str().unwrap().to_owned());
    }
    let (first, bytes) = export(&member, &acme, &workspace).await;
    server.clock.advance(std::time::Duration::from_secs(100_000));
    let member = server.client_of("member");
    let (second, again) = export(&member, &acme, &workspace).await;
    assert!(bytes == again, "another export of the same notes");
    assert_eq!(first["artifact"]["sha256"], second["artifact"]["sha256"]);
    assert_ne!(first["id"], second["id"]);
    member.update_note(&ids[7], 1, json!({ "title": "B" })).await;
    let (_, changed) = export(&member, &acme, &workspace).await;
    assert!(bytes != changed);
    member.delete_note(&ids[7]).await;
    let (_, fewer) = export(&member, &acme, &workspace).await;
    assert_eq!(read(&fewer)["notes"].as_array().unwrap().len(), 59);
}

#[on_each_engine]
async fn export_is_one_moment(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    // Long ones between the two that change, so that much time passes between reading these.
    let body = "x".repeat(1024 * 1024);
    for index in 0..10 {
        create(&member, &workspace, json!({ "path": format!("b{index}"), "body": body })).await;
    }
    let first = create(&member, &workspace, json!({ "path": "a" })).await["id"].clone();
    let last = create(&member, &workspace, json!({ "path": "c" })).await["id"].clone();
    // At each moment the two have the same version, or the first one has the next one already.
    let change = async {
        for version in 1.. {
            for id in [&first, &last] {
                let title = json!({ "title": format!("t{version}") });
                let payload = member.update_note(id.as_str().unwrap(), version, title).await;
                assert_eq!(payload["userErrors"], json!([]));
            }
        }
    };
    let look = async {
        let mut seen = 0;
        for _ in 0..3 {
            let (_, bytes) = export(&member, &acme, &workspace).await;
            let found = read(&bytes);
            let version =
                |index: usize| found["notes"][index]["metadata"]["version"].as_i64().unwrap();
            let (first, last) = (version(0), version(11));
            assert!(first == last || first == last + 1, "{first} and {last} are of two moments");
            seen = seen.max(first);
        }
        seen
    };
    tokio::select! {
        () = change => unreachable!("it goes on"),
        seen = look => assert!(seen > 2, "nothing changed meanwhile"),
    }
}

#[on_each_engine]
async fn what_notes_are_not_exported_as_is_refused(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    let globex = server.organization("globex").await;
    server.set_member(&globex, "stranger", Role::Admin).await;
    let foreign = server.client_of("stranger").create_workspace(&globex, "w").await;
    let source = |workspace: &str| json!({ "notes": { "workspaceId": workspace } });
    let place = json!(["source", "notes", "workspaceId"]);
    let admin = server.client(&acme, Role::Admin).await;
    let log = json!({ "auditLogs": {} });
    for (change, code, path) in [
        (json!({ "format": "CSV" }), "UNSUPPORTED", json!(["format"])),
        (json!({ "format": "JSONL" }), "UNSUPPORTED", json!(["format"])),
        (json!({ "source": log }), "UNSUPPORTED", json!(["format"])),
        (json!({ "compression": "GZIP" }), "UNSUPPORTED", json!(["compression"])),
        (json!({ "csvByteOrderMark": true }), "UNSUPPORTED", json!(["csvByteOrderMark"])),
        (json!({ "after": "x" }), "UNSUPPORTED", json!(["after"])),
        (json!({ "source": source(&foreign) }), "NOT_FOUND", place.clone()),
        (json!({ "source": source(&acme) }), "INVALID", place.clone()),
        (json!({ "source": source("nonsense") }), "INVALID", place),
    ] {
        let mut input = input(&acme, &workspace);
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let payload = admin.start_export(input).await;
        assert_eq!(payload["job"], json!(null), "{change}");
        let error = &payload["userErrors"][0];
        assert_eq!((&error["code"], &error["path"]), (&json!(code), &path), "{change}");
    }
    let payload = member.start_export(input(&acme, &workspace)).await;
    assert_eq!(payload["userErrors"], json!([]));
}

/// An export of notes is whole, however many there are.
async fn cap_of_logs_does_not_cut_notes(backend: Backend) {
    let server = TestServer::start_with(backend, |config| config.export_max_records = 2).await;
    let (acme, member, workspace) = acme(&server).await;
    for index in 0..5 {
        create(&member, &workspace, json!({ "path": index.to_string() })).await;
    }
    let (job, bytes) = export(&member, &acme, &workspace).await;
    assert_eq!((&job["truncated"], &job["continuation"]), (&json!(false), &json!(null)));
    assert_eq!(
        (&job["recordsMatched"], &job["artifact"]["recordCount"]),
        (&json!("5"), &json!("5"))
    );
    assert_eq!(job["progress"], json!({ "done": "5", "total": "5", "fraction": 1.0 }));
    assert_eq!(read(&bytes)["notes"].as_array().unwrap().len(), 5);
    server.finish().await;
}

#[tokio::test]
async fn cap_of_logs_does_not_cut_notes_on_sqlite() {
    cap_of_logs_does_not_cut_notes(Backend::Sqlite).await;
}

#[tokio::test]
async fn cap_of_logs_does_not_cut_notes_on_postgres() {
    cap_of_logs_does_not_cut_notes(Backend::Postgres).await;
}
