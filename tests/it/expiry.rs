//! Expiry as a user sees it, with real processes and real time, across a restart.

use std::path::{Path, PathBuf};

use daybook_entity::membership::Role;
use daybook_service::private::STORE_IDENTITY;
use daybook_tests::{Client, Process, TestServer, Value, eventually, json, on_each_engine};

use crate::exports::{export, input};

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| !path.ends_with(STORE_IDENTITY));
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

async fn status(url: &str) -> u16 {
    reqwest::get(url).await.unwrap().status().as_u16()
}

fn is_expired(job: &Value) -> bool {
    assert_eq!(job["state"], "SUCCEEDED");
    job["artifact"]["expired"] == true
}

#[on_each_engine]
async fn expired_file_is_gone_after_a_restart_and_its_job_stays(server: &TestServer) {
    let idle = TestServer::start_idle(server.backend()).await;
    let acme = idle.organization("acme").await;
    let admin = idle.client(&acme, Role::Admin).await;
    admin.record(&acme, 10).await;
    let ttl = [("DAYBOOK_ARTIFACT_TTL", "2s".to_owned())];
    let artifacts = idle.folder().join("artifacts");

    let mut first = Process::serve_with(&idle.config, &ttl).await;
    let through_first = Client::new(first.url().await, admin.token.clone());
    let request = input(&acme, &json!({ "action": "test.*" }), "RECORDED_ASC", "CSV");
    let exported = export(&through_first, request).await;
    assert_eq!(exported.bytes.split(|byte| *byte == b'\n').count(), 12);
    let id = exported.job["id"].as_str().unwrap();
    let link = exported.job["artifact"]["downloadUrl"].as_str().unwrap();
    let (_, path) = link.split_once("/artifacts/").unwrap();
    assert_eq!(files(&artifacts).len(), 1);
    eventually("the file's expiry", 20, async || {
        is_expired(&through_first.job(id).await).then_some(())
    })
    .await;
    assert_eq!(status(link).await, 404);
    first.stop().await;

    let mut second = Process::serve_with(&idle.config, &ttl).await;
    let url = second.url().await;
    eventually("the file's removal", 20, async || files(&artifacts).is_empty().then_some(())).await;
    let job = Client::new(url.clone(), admin.token.clone()).job(id).await;
    assert!(is_expired(&job), "{job}");
    assert_eq!(job["artifact"]["downloadUrl"], Value::Null);
    assert_eq!(job["artifact"]["recordCount"], "10");
    assert_eq!(status(&format!("{url}/artifacts/{path}")).await, 404);
    second.stop().await;
    idle.finish().await;
}
