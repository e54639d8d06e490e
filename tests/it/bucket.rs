//! Artifacts in a bucket of a real S3 server: nothing half-written is ever visible, nothing is left.

use std::time::Duration;

use daybook_api::config::{ArtifactLinks, Config};
use daybook_entity::membership::Role;
use daybook_tests::{Backend, Client, Process, S3Server, TestServer, Value, eventually, json};
use sha2::{Digest, Sha256};

use crate::exports::input;

/// Number of entries of 4 KiB each, which make several parts of an upload.
const RECORDS: usize = 4_000;

fn settings(config: &mut Config) {
    config.testing.job_lease = Duration::from_secs(3);
    config.export_max_records = 1_000_000;
    config.testing.export_inline_records = 0;
    config.artifacts_url = Some(S3Server::url());
}

/// A database with a log, a bucket, and the settings to run processes on both.
struct Site {
    s3: S3Server,
    server: TestServer,
    config: Config,
    organization: String,
}

impl Site {
    async fn new() -> Self {
        let s3 = S3Server::start().await;
        let server = TestServer::start_idle(Backend::Postgres).await;
        let organization = server.organization("acme").await;
        let admin = server.client(&organization, Role::Admin).await;
        let filler: String = (0..4_000).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
        for first in (0..RECORDS).step_by(200) {
            let entries: Vec<_> = (first..first + 200)
                .map(|n| {
                    json!({
                        "actor": { "id": "ada" },
                        "action": format!("test.{n}"),
                        "resource": { "type": "test", "id": "1" },
                        "metadata": { "extra": filler },
                    })
                })
                .collect();
            let payload = admin.record_entries(&organization, json!(entries)).await;
            assert_eq!(payload["userErrors"], json!([]));
        }
        let mut config = server.config.clone();
        settings(&mut config);
        Self { s3, server, config, organization }
    }

    async fn serve(&self) -> (Process, Client) {
        let process = Process::serve_with(&self.config, &self.s3.environment()).await;
        let url = process.url().await;
        let token = self.server.token("admin");
        (process, Client::new(url, Some(token)))
    }

    async fn start(&self, client: &Client, format: &str) -> String {
        let filter = json!({ "action": "test.*" });
        let payload =
            client.start_export(input(&self.organization, &filter, "RECORDED_ASC", format)).await;
        payload["job"]["id"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()
    }

    /// Waits until parts of the job's file are in the bucket.
    async fn uploading(&self) {
        eventually("an upload", 30, async || (self.s3.uploads().await > 0).then_some(())).await;
    }

    async fn finish(self) {
        let Self { s3, server, config, .. } = self;
        s3.mirror(&config.data_dir.join("artifacts")).await;
        server.finish().await;
    }
}

async fn check(client: &Client, job: &str) -> Value {
    let job = client.finished(job).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let bytes = client.download(job["artifact"]["downloadUrl"].as_str().unwrap()).await;
    assert_eq!(job["artifact"]["sha256"], json!(daybook_service::hex(&Sha256::digest(&bytes))));
    assert_eq!(job["artifact"]["recordCount"], json!(RECORDS.to_string()));
    assert!(bytes.len() > RECORDS * 4_000);
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn export_goes_to_a_bucket_and_is_downloaded_through_daybook() {
    let site = Site::new().await;
    let (mut process, client) = site.serve().await;
    let job = site.start(&client, "CSV").await;
    let job = check(&client, &job).await;
    let link = job["artifact"]["downloadUrl"].as_str().unwrap();
    assert!(!link.contains(&site.s3.endpoint()), "{link}");
    assert_eq!((site.s3.keys().await.len(), site.s3.uploads().await), (1, 0), "the file only");
    process.stop().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presigned_link_leads_to_the_bucket_and_names_the_file() {
    let mut site = Site::new().await;
    site.config.artifact_links = ArtifactLinks::Presigned;
    let (mut process, client) = site.serve().await;
    let job = site.start(&client, "JSONL").await;
    let job = check(&client, &job).await;
    let link = job["artifact"]["downloadUrl"].as_str().unwrap();
    assert!(link.starts_with(&site.s3.endpoint()), "{link}");
    let answer = reqwest::get(link).await.unwrap();
    let disposition = answer.headers()["content-disposition"].to_str().unwrap();
    let name = job["artifact"]["fileName"].as_str().unwrap();
    assert!(disposition.starts_with("attachment") && disposition.contains(name), "{disposition}");
    let handed = "query($id: ID!) { auditLogs(organizationId: $id, first: 5,
        filter: { action: \"artifact.link_issued\" }) { nodes { metadata { extra } } } }";
    let log = client.query(handed, json!({ "id": site.organization })).await;
    assert_eq!(log["auditLogs"]["nodes"][0]["metadata"]["extra"]["via"], "bucket", "{log}");
    let forged = link.replace("X-Amz-Signature=", "X-Amz-Signature=0");
    assert_eq!(reqwest::get(forged).await.unwrap().status(), 403);
    process.stop().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canceled_export_leaves_nothing_in_the_bucket() {
    let site = Site::new().await;
    let (mut process, client) = site.serve().await;
    let job = site.start(&client, "CSV").await;
    site.uploading().await;
    let cancel =
        "mutation($id: ID!) { cancelJob(input: { jobId: $id }) { userErrors { message } } }";
    client.query(cancel, json!({ "id": job })).await;
    let job = client.finished(&job).await;
    assert_eq!(job["state"], "CANCELED", "{job}");
    let is_empty =
        async || (site.s3.keys().await.is_empty() && site.s3.uploads().await == 0).then_some(());
    eventually("an empty bucket", 10, is_empty).await;
    process.stop().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upload_of_a_killed_process_is_invisible_and_swept() {
    let site = Site::new().await;
    let (mut process, client) = site.serve().await;
    let job = site.start(&client, "CSV").await;
    site.uploading().await;
    process.kill();
    let files = site.s3.keys().await.into_iter().filter(|key| key.contains("/exports/"));
    assert_eq!(files.filter(|key| !key.contains("/uploads/")).count(), 0, "half a file is visible");
    assert_eq!(site.s3.uploads().await, 1);

    let (mut process, client) = site.serve().await;
    let done = check(&client, &job).await;
    assert!(done["attempt"].as_i64().unwrap() > 1, "{done}");
    process.stop().await;
    // The janitor begins with a sweep.
    let (mut process, _) = site.serve().await;
    let is_swept = async || (site.s3.uploads().await == 0).then_some(());
    eventually("the sweep", 90, is_swept).await;
    eventually("the sweep of its name", 10, async || {
        (site.s3.keys().await.len() == 1).then_some(())
    })
    .await;
    process.stop().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn export_outlives_a_store_that_is_killed_in_mid_upload() {
    /// Time that is longer than a store takes to start again.
    const OUTAGE: Duration = Duration::from_secs(40);

    let mut site = Site::new().await;
    // The attempt itself is to see that the store is gone, and longer than one asks.
    site.config.testing.job_lease = Duration::from_secs(30);
    let (mut process, client) = site.serve().await;
    let job = site.start(&client, "CSV").await;
    site.uploading().await;
    site.s3.kill();
    let is_noticed = async || {
        let job = client.job(&job).await;
        (job["state"] == "QUEUED" || job["attempt"].as_i64() > Some(1)).then_some(())
    };
    let outage = tokio::time::sleep(OUTAGE);
    eventually("an attempt that failed", 60, is_noticed).await;
    outage.await;
    site.s3.restart().await;
    let job = check(&client, &job).await;
    assert!(job["attempt"].as_i64().unwrap() > 1, "{job}");
    process.stop().await;
    // Of an upload whose beginning was not answered before the store died, nobody knows the id.
    let (mut process, _) = site.serve().await;
    let is_swept = async || (site.s3.keys().await.len() == 1).then_some(());
    eventually("the sweep", 90, is_swept).await;
    process.stop().await;
    site.finish().await;
}
