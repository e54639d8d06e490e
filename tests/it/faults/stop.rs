//! Workers that receive a stop signal.

use std::time::Instant;

use daybook_tests::{Backend, Process, TestServer, on_each_backend};

use super::{Site, path, settings};

const RECORDS: usize = 60_000;

#[on_each_backend]
async fn stopped_worker_gives_its_job_back_unspent(backend: Backend) {
    let server = TestServer::start_idle_with(backend, settings).await;
    let site = Site::new(server, RECORDS).await;
    let mut first = Process::worker(&site.server.config).await;
    let id = site.start("test.*").await;
    site.advanced(&id, 1).await;
    let asked = Instant::now();
    first.stop().await;
    assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
    let job = site.row(&id).await;
    assert_eq!((job.attempt, job.leased_by), (0, None), "given back");

    let mut second = Process::worker(&site.server.config).await;
    let job = site.admin.finished(&id).await;
    let wanted = [("QUEUED", 0), ("RUNNING", 1), ("QUEUED", 0), ("RUNNING", 1), ("SUCCEEDED", 1)];
    assert_eq!(path(&job), wanted);
    assert_eq!(job["artifact"]["recordCount"], RECORDS.to_string());
    second.stop().await;
    site.finish().await;
}
