//! A backup of the whole instance is got on the host alone, and every log in it says so.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daybook_entity::{membership::Role, organization::INSTANCE};
use daybook_service::{GlobalId, Purpose};
use daybook_tests::{Client, TestServer, Value, binary, json, on_each_engine};
use sha2::{Digest, Sha256};

use super::{BACKUP, backed_up, instance_backed_up};

const DOWNLOADS: &str = "query($id: ID!) { auditLogs(organizationId: $id, orderBy: RECORDED_ASC,
    filter: { action: \"artifact.downloaded\" }) { nodes { resource { externalId name } metadata { extra } } } }";

/// The lines of `daybook backup list`, cut at the tabs.
pub(super) fn list(server: &TestServer) -> Vec<Vec<String>> {
    let lines = binary::stdout(binary::daybook_of(server).args(["backup", "list"]));
    lines.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The file that `daybook backup download` writes.
pub(super) fn download(server: &TestServer, backup: &str) -> Vec<u8> {
    let folder = tempfile::TempDir::with_prefix("daybook-download-").unwrap();
    let output = folder.path().join("backup");
    let mut command = binary::daybook_of(server);
    command.args(["backup", "download", backup, "--output"]).arg(&output);
    assert_eq!(binary::stdout(&mut command), output.to_str().unwrap());
    assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    fs::read(output).unwrap()
}

fn refused(server: &TestServer, arguments: &[&str], reason: &str) {
    let mut command = binary::daybook_of(server);
    let output = command.arg("backup").args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", binary::stderr(&output));
    assert!(binary::stderr(&output).contains(reason), "{}", binary::stderr(&output));
}

async fn downloads(client: &Client, organization: &str) -> Vec<Value> {
    let page = client.query(DOWNLOADS, json!({ "id": organization })).await;
    page["auditLogs"]["nodes"].as_array().unwrap().clone()
}

/// A link that was signed before links to such backups ended.
fn signed_link(server: &TestServer, job: &str) -> String {
    let Ok(GlobalId::Job { organization_id, id }) = job.parse() else { panic!("{job}") };
    let expires_at = server.clock.now() + chrono::TimeDelta::minutes(5);
    let mut body = vec![1];
    body.extend(organization_id.as_bytes());
    body.extend(id.as_bytes());
    body.extend(expires_at.timestamp_micros().to_be_bytes());
    body.extend(b"operator");
    let tag = server.instance().secret.sign(Purpose::Link, &[&body]);
    let token = URL_SAFE_NO_PAD.encode([&body[..], &tag].concat());
    server.url(&format!("/artifacts/{token}/backup.sql"))
}

#[on_each_engine]
async fn file_is_the_hosts_and_each_log_in_it_says_so(server: &TestServer) {
    let acme = server.organization("acme").await;
    let globex = server.organization("globex").await;
    let admins =
        [server.client(&acme, Role::Admin).await, server.client(&globex, Role::Admin).await];
    let (of_acme, _) = backed_up(&admins[0], json!({ "organizationId": acme })).await;
    let before = downloads(&admins[0], &acme).await.len();
    let (job, bytes) = instance_backed_up(server, json!({ "compression": "ZSTD" })).await;
    let sha256 = daybook_service::hex(&Sha256::digest(&bytes));
    assert_eq!(job["artifact"]["sha256"], json!(sha256));

    let initech = server.organization("initech").await;
    let later = server.client(&initech, Role::Admin).await;
    let operator = server.client_of("operator");
    let instance = GlobalId::Organization(INSTANCE).to_string();
    let name = job["artifact"]["fileName"].as_str().unwrap();
    assert_eq!(download(server, name), bytes, "by its name, too");
    for (client, organization) in
        [(&admins[0], &acme), (&admins[1], &globex), (&operator, &instance)]
    {
        let entries = downloads(client, organization).await;
        let entries = if organization == &acme { &entries[before..] } else { &entries[..] };
        let resource = json!({ "externalId": job["id"], "name": name });
        assert_eq!(entries.len(), 2, "{entries:?}");
        for entry in entries {
            assert_eq!(entry["resource"], resource);
            assert_eq!(entry["metadata"]["extra"]["via"], "command line", "{entry}");
        }
    }
    assert_eq!(downloads(&later, &initech).await, Vec::<Value>::new(), "it is not in the file");

    // An organization's own backup is in its own log alone.
    download(server, of_acme["id"].as_str().unwrap());
    assert_eq!(downloads(&admins[0], &acme).await.len(), before + 3);
    assert_eq!(downloads(&admins[1], &globex).await.len(), 2);
    let listed: Vec<_> = list(server).iter().map(|line| line[1].clone()).collect();
    assert_eq!(listed, ["-", "acme"]);
}

#[on_each_engine]
async fn nobody_gets_it_through_the_api(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let (job, _) = instance_backed_up(server, json!({})).await;
    assert_eq!(job["artifact"]["downloadUrl"], Value::Null);
    assert!(job["artifact"]["manifest"].is_object(), "{job}");
    let link = signed_link(server, job["id"].as_str().unwrap());
    for method in [reqwest::Method::GET, reqwest::Method::HEAD] {
        let answer = admin.http.request(method, &link).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404);
    }
    // The same link to a file that is no backup of everything would lead there.
    let export = admin.export(&acme, "CSV").await["job"].clone();
    let answer =
        admin.http.get(signed_link(server, export["id"].as_str().unwrap())).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let seen = admin.query(BACKUP, json!({ "id": job["id"] })).await;
    assert_eq!(seen["job"], Value::Null);
}

#[on_each_engine]
async fn operators_read_the_instances_own_log_and_write_nothing_there(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let operator = server.operator().await;
    let viewer = "{ viewer { isOperator instance { id slug } } }";
    let none = admin.query(viewer, json!({})).await;
    assert_eq!(none["viewer"], json!({ "isOperator": false, "instance": null }));
    let found = operator.query(viewer, json!({})).await["viewer"].clone();
    let id = found["instance"]["id"].as_str().unwrap();
    instance_backed_up(server, json!({})).await;
    let log = "query($id: ID!) { auditLogs(organizationId: $id, first: 100) { nodes { action } } }";
    let page = operator.query(log, json!({ "id": id })).await["auditLogs"].clone();
    let actions: Vec<_> = page["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["action"].as_str().unwrap())
        .collect();
    for action in
        ["operator.added", "job.backup.requested", "job.backup.succeeded", "artifact.downloaded"]
    {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    assert_eq!(admin.error(log, json!({ "id": id })).await, "NOT_FOUND");
    let refused = operator.record_entries(id, json!([daybook_tests::entry("a.b")])).await;
    assert_eq!(refused["userErrors"][0]["code"], "NOT_FOUND", "{refused}");
    // Its exports are got by links, which it says.
    let export = operator.export(id, "JSONL").await["job"].clone();
    let file = operator.download(export["artifact"]["downloadUrl"].as_str().unwrap()).await;
    assert!(String::from_utf8(file).unwrap().contains("job.backup.requested"));
    let of_export = downloads(&operator, id).await;
    let vias: Vec<_> = of_export.iter().map(|entry| &entry["metadata"]["extra"]["via"]).collect();
    assert_eq!(vias, ["command line", "inline", "link"]);
}

#[on_each_engine]
async fn what_can_not_be_downloaded_is_told(server: &TestServer) {
    server.operator().await;
    assert_eq!(list(server), Vec::<Vec<String>>::new());
    refused(server, &["download", "nonsense"], "`daybook backup list` prints all backups");
    let (job, _) = instance_backed_up(server, json!({})).await;
    let id = job["id"].as_str().unwrap();
    let file = server.folder().join("there.sql");
    fs::write(&file, "mine").unwrap();
    refused(server, &["download", id, "--output", file.to_str().unwrap()], "already exists");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    refused(server, &["download", id, "--output", "/nowhere/at/all.sql"], "name another --output");

    let [line] = &list(server)[..] else { panic!("one backup") };
    assert_eq!((&line[0][..], &line[1][..]), (id, "-"));
    let mut damaged = Vec::new();
    find(server.folder().join("artifacts/backups"), &mut damaged);
    let [stored] = &damaged[..] else { panic!("{damaged:?}") };
    let whole = fs::read(stored).unwrap();
    let mut bytes = whole.clone();
    bytes[100] ^= 1;
    fs::write(stored, &bytes).unwrap();
    let output = server.folder().join("damaged.sql");
    refused(server, &["download", id, "--output", output.to_str().unwrap()], "is damaged");
    assert!(!output.exists() && !server.folder().join("damaged.sql.part").exists());
    fs::write(stored, whole).unwrap();
}

fn find(folder: PathBuf, found: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() { find(path, found) } else { found.push(path) }
    }
}
