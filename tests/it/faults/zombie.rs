//! Workers that are paused past their lease and resume.

use daybook_entity::{artifact, job::JobState};
use daybook_tests::{Backend, Process, Signal, TestServer, eventually};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Statement};

use super::{Site, key, path, settings};

const RECORDS: usize = 60_000;
const LOST: &str = "the attempt lost its job";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zombie_changes_nothing_about_a_job_that_another_has_done() {
    let (site, mut zombie, id) = stopped_in_mid_export().await;
    let mut other = Process::worker(&site.server.config).await;
    let job = site.admin.finished(&id).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let url = job["artifact"]["downloadUrl"].as_str().unwrap();
    let (known, file) = (site.all_of(&id).await, site.admin.download(url).await);
    other.stop().await;

    zombie.signal(Signal::Continue);
    zombie.says(LOST).await;
    // It is alive again, and the only one to work this.
    let next = site.start("test.*").await;
    assert_eq!(site.admin.finished(&next).await["state"], "SUCCEEDED");
    assert_eq!(site.all_of(&id).await, known);
    assert!(site.admin.download(url).await == file, "the artifact's bytes");
    zombie.stop().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zombie_does_not_finish_what_another_is_working_at() {
    let (site, mut zombie, id) = stopped_in_mid_export().await;
    let mut other = Process::worker(&site.server.config).await;
    let node = other.node().await;
    eventually("another's attempt", 60, async || {
        (site.row(&id).await.leased_by.as_ref() == Some(&node)).then_some(())
    })
    .await;
    // It is ahead: it would be done first.
    zombie.signal(Signal::Continue);
    let job = site.admin.finished(&id).await;
    let artifact = artifact::Entity::find_by_id(key(&id)).one(&site.db).await.unwrap().unwrap();
    assert!(artifact.object_key.ends_with("-2"), "{artifact:?}");
    zombie.says(LOST).await;
    let wanted = [("QUEUED", 0), ("RUNNING", 1), ("QUEUED", 1), ("RUNNING", 2), ("SUCCEEDED", 2)];
    assert_eq!(path(&job), wanted);
    assert!(!other.log().contains(LOST), "{}", other.log());
    for worker in [&mut zombie, &mut other] {
        worker.stop().await;
    }
    site.finish().await;
}

/// A site, its only worker, which is stopped in the second half of an export, and that job.
async fn stopped_in_mid_export() -> (Site, Process, String) {
    let server = TestServer::start_idle_with(Backend::Postgres, settings).await;
    let site = Site::new(server, RECORDS).await;
    let zombie = Process::worker(&site.server.config).await;
    let id = site.start("test.*").await;
    site.advanced(&id, RECORDS as i64 / 2).await;
    eventually("a stop between two transactions", 10, async || {
        zombie.signal(Signal::Stop);
        let is_between = !is_anyone_in_transaction(&site).await;
        if !is_between {
            zombie.signal(Signal::Continue);
        }
        is_between.then_some(())
    })
    .await;
    assert_eq!(site.row(&id).await.state, JobState::Running);
    (site, zombie, id)
}

/// Locks that a stopped process holds stay until PostgreSQL ends its idle transaction.
async fn is_anyone_in_transaction(site: &Site) -> bool {
    let sql = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND (backend_xid IS NOT NULL OR state LIKE 'idle in transaction%')";
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row = site.db.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index::<i64>(0).unwrap() > 0
}
