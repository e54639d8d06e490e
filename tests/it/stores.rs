//! Nodes with separate artifact stores are reported, and no node takes another's files for lost.

use std::{fs, path::PathBuf, time::Duration};

use daybook_api::server::{Duties, Server};
use daybook_entity::{artifact, membership::Role};
use daybook_service::{artifacts::sharing, janitor::sweep};
use daybook_tests::{Backend, Client, Process, TestServer, Value, binary, json, on_each_engine};
use sea_orm::EntityTrait;

use crate::exports::{Exported, export, input};

/// Another node on the same database, whose artifacts are in a folder of its own.
async fn elsewhere(server: &TestServer) -> Server {
    let url = format!("file:{}", other_store(server).display());
    let node =
        server.start_another_with(Duties::Serve, |config| config.artifacts_url = Some(url)).await;
    say(server, &node).await;
    node
}

fn other_store(server: &TestServer) -> PathBuf {
    server.folder().join("other")
}

/// Both nodes say where they keep artifacts, as they do every minute.
async fn say(server: &TestServer, node: &Server) {
    for instance in [server.instance(), &node.instance] {
        sharing::announce_once(&instance.core).await.unwrap();
    }
    for instance in [server.instance(), &node.instance] {
        assert_eq!(sharing::announce_once(&instance.core).await.unwrap().len(), 1, "the other one");
    }
}

async fn exported(server: &TestServer) -> (String, Client, Exported) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let file = export(&admin, input(&acme, &Value::Null, "RECORDED_ASC", "CSV")).await;
    (acme, admin, file)
}

fn at(node: &Server, file: &Exported) -> String {
    let link = file.job["artifact"]["downloadUrl"].as_str().unwrap();
    let (_, path) = link.split_once("/artifacts/").unwrap();
    format!("http://{}/artifacts/{path}", node.address)
}

async fn is_removed(server: &TestServer) -> bool {
    let db = server.database.connect().await;
    let artifact = artifact::Entity::find().one(&db).await.unwrap().unwrap();
    db.close().await.unwrap();
    let is_there = server.folder().join("artifacts").join(&artifact.object_key).exists();
    assert_eq!(is_there, artifact.removed_at.is_none(), "{artifact:?}");
    artifact.removed_at.is_some()
}

#[on_each_engine]
async fn file_of_another_nodes_store_is_told_in_words(server: &TestServer) {
    let (_, admin, file) = exported(server).await;
    let node = elsewhere(server).await;
    let answer = admin.http.get(at(&node, &file)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "UNAVAILABLE");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("another node") && detail.contains("DAYBOOK_ARTIFACTS_URL"),
        "{detail}"
    );
    let link = file.job["artifact"]["downloadUrl"].as_str().unwrap();
    assert_eq!(admin.download(link).await, file.bytes, "by the node that has it");

    let key = server.database.connect().await;
    let artifact = artifact::Entity::find().one(&key).await.unwrap().unwrap();
    key.close().await.unwrap();
    let path = server.folder().join("artifacts").join(&artifact.object_key);
    fs::remove_file(&path).unwrap();
    let answer = admin.http.get(link).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 410, "somebody else has removed it");
    fs::write(&path, &file.bytes).unwrap();
    node.stop().await.unwrap();
}

#[on_each_engine]
async fn nobody_speaks_for_anothers_files(server: &TestServer) {
    let (_, _, _) = exported(server).await;
    let node = elsewhere(server).await;
    sweep(&node.instance.core).await.unwrap();
    assert!(!is_removed(server).await);
    server.clock.advance(Duration::from_secs(25 * 3600));
    say(server, &node).await;
    sweep(&node.instance.core).await.unwrap();
    assert!(!is_removed(server).await, "it has expired, but in another node's store");
    sweep(&server.instance().core).await.unwrap();
    assert!(is_removed(server).await);
    node.stop().await.unwrap();
}

#[on_each_engine]
async fn expired_file_of_a_node_that_is_gone_is_told_and_swept_when_it_is_back(
    server: &TestServer,
) {
    let (_, _, _) = exported(server).await;
    let node = elsewhere(server).await;
    // For longer than a node may be silent, too.
    server.clock.advance(Duration::from_secs(25 * 3600));
    sweep(&node.instance.core).await.unwrap();
    let db = server.database.connect().await;
    let artifact = artifact::Entity::find().one(&db).await.unwrap().unwrap();
    db.close().await.unwrap();
    assert!(artifact.removed_at.is_some(), "{artifact:?}");
    sweep(&server.instance().core).await.unwrap();
    assert!(is_removed(server).await);
    node.stop().await.unwrap();
}

#[on_each_engine]
async fn doctor_and_command_line_name_the_store(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let (job, _) = crate::backups::backed_up(&admin, json!({ "organizationId": acme })).await;
    let node = elsewhere(server).await;
    let url = format!("file:{}", other_store(server).display());
    let mut doctor = binary::daybook_of(server);
    let found = doctor.arg("doctor").output().unwrap();
    let lines = String::from_utf8(found.stdout).unwrap();
    let line = lines.lines().find(|line| line.contains(" sharing ")).unwrap();
    assert!(
        line.starts_with("fail") && line.contains(&url) && line.contains("one bucket"),
        "{line}"
    );
    let output = server.folder().join("backup.sql");
    let mut download = binary::daybook_of(server);
    download.env("DAYBOOK_ARTIFACTS_URL", url);
    download.args(["backup", "download", job["id"].as_str().unwrap(), "--output"]).arg(&output);
    let refused = download.output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = binary::stderr(&refused);
    assert!(said.contains("in another artifact store (file:") && !output.exists(), "{said}");
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_with_a_store_of_its_own_warns_at_its_start() {
    let server = TestServer::start_idle(Backend::Postgres).await;
    sharing::announce_once(&server.instance().core).await.unwrap();
    let mut config = server.config.clone();
    config.artifacts_url = Some(format!("file:{}", other_store(&server).display()));
    let mut process = Process::serve(&config, &["--no-jobs"]).await;
    process.says("keeps artifacts in a store of its own").await;
    process.stop().await;
    server.finish().await;
}
