//! Scheduled backups: one for each instant, however many processes run; which are kept.

use std::time::Duration;

use daybook_entity::{artifact, job};
use daybook_service::{Instance, backups::schedule::visit_once, janitor};
use daybook_tests::{
    Backend, Client, TestServer, Value, binary, eventually, json, on_each_backend,
};
use futures::future::join_all;
use sea_orm::{EntityTrait, QueryOrder};

use super::{BACKUP, finished, on_host, start};

const HOUR: Duration = Duration::from_secs(3600);

async fn scheduled(backend: Backend, keep: usize, max_age: Option<Duration>) -> TestServer {
    TestServer::start_idle_with(backend, |config| {
        config.backups.backup_schedule = Some("0 * * * *".to_owned());
        config.backups.backup_keep = Some(keep);
        config.backups.backup_max_age = max_age;
    })
    .await
}

/// Waits until no job is unfinished; all of them, oldest first.
async fn jobs(server: &TestServer) -> Vec<job::Model> {
    let db = server.database.connect().await;
    let jobs = eventually("the end of all jobs", 60, async || {
        let jobs = job::Entity::find().order_by_asc(job::Column::CreatedAt).all(&db).await.unwrap();
        jobs.iter().all(|job| job.finished_at.is_some()).then_some(jobs)
    })
    .await;
    db.close().await.unwrap();
    jobs
}

async fn files(server: &TestServer) -> Vec<bool> {
    let db = server.database.connect().await;
    let artifacts = artifact::Entity::find().order_by_asc(artifact::Column::CreatedAt);
    let artifacts = artifacts.all(&db).await.unwrap();
    db.close().await.unwrap();
    let folder = server.folder().join("artifacts");
    let there = artifacts.iter().map(|artifact| {
        let is_there = folder.join(&artifact.object_key).exists();
        assert_eq!(is_there, artifact.removed_at.is_none());
        is_there
    });
    there.collect()
}

async fn visit(instance: &std::sync::Arc<Instance>) {
    let schedule = instance.backup_schedule.as_ref().unwrap();
    visit_once(&instance.core, schedule).await.unwrap();
}

#[on_each_backend]
async fn once_for_each_instant(backend: Backend) {
    let server = scheduled(backend, 3, None).await;
    visit(server.instance()).await;
    assert_eq!(jobs(&server).await.len(), 0, "what was due before the first start was not missed");
    server.start_work();
    let another = server.start_node(|_| {}).await;
    let third = server.start_node(|_| {}).await;
    let nodes = [server.instance(), &another.instance, &third.instance];
    // Three hours pass with nobody there: one backup makes up for them.
    server.clock.advance(3 * HOUR);
    for _ in 0..3 {
        join_all(nodes.iter().map(|node| visit(node))).await;
    }
    assert_eq!(jobs(&server).await.len(), 1);
    for _ in 0..4 {
        server.clock.advance(HOUR);
        join_all(nodes.iter().map(|node| visit(node))).await;
        jobs(&server).await;
    }
    let jobs = jobs(&server).await;
    assert_eq!(jobs.len(), 5);
    assert!(jobs.iter().all(|job| job.state == job::JobState::Succeeded));
    assert!(jobs.iter().all(|job| job.outcome.as_ref().unwrap().contains("\"ok\":true")));
    visit(server.instance()).await;
    assert_eq!(files(&server).await, [false, false, true, true, true]);
    // Neither the artifacts' time to live nor the sweep takes those that are kept.
    server.clock.advance(48 * HOUR);
    janitor::sweep(&server.instance().core).await.unwrap();
    assert_eq!(files(&server).await, [false, false, true, true, true]);
    let operator = server.operator().await;
    let seen = seen(&operator, &jobs[4]).await;
    assert_eq!(seen["artifact"]["downloadUrl"], json!(null), "{seen}");
    let kept = on_host::list(&server);
    assert_eq!(kept.len(), 3, "{kept:?}");
    for node in [another, third] {
        node.stop().await.unwrap();
    }
    server.finish().await;
}

async fn seen(operator: &Client, job: &job::Model) -> Value {
    let id = daybook_service::GlobalId::Job { organization_id: job.organization_id, id: job.id };
    operator.query(BACKUP, json!({ "id": id.to_string() })).await["job"].clone()
}

#[on_each_backend]
async fn last_verified_stays(backend: Backend) {
    let server = scheduled(backend, 1, Some(10 * HOUR)).await;
    server.start_work();
    let operator = server.operator().await;
    // One that somebody asked for expires like every artifact, and is not counted.
    let by_hand = start(&operator, json!({ "idempotencyKey": "by hand" })).await;
    finished(&operator, &by_hand["job"]["id"]).await;
    for _ in 0..2 {
        server.clock.advance(HOUR);
        visit(server.instance()).await;
        jobs(&server).await;
    }
    visit(server.instance()).await;
    assert_eq!(files(&server).await, [true, false, true]);
    // Far too old, but there is none that is newer: by this node's schedule nothing is due.
    let node = server
        .start_node(|config| config.backups.backup_schedule = Some("0 0 1 1 *".to_owned()))
        .await;
    server.clock.advance(12 * HOUR);
    visit(&node.instance).await;
    jobs(&server).await;
    assert_eq!(files(&server).await[..3], [true, false, true], "the last verified one is gone");
    janitor::sweep(&server.instance().core).await.unwrap();
    server.clock.advance(24 * HOUR);
    janitor::sweep(&server.instance().core).await.unwrap();
    assert_eq!(files(&server).await[..3], [false, false, true]);
    node.stop().await.unwrap();
    server.finish().await;
}

#[test]
fn schedule_that_names_nothing_is_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    for (name, value, reason) in [
        ("DAYBOOK_BACKUP_SCHEDULE", "61 * * * *", "DAYBOOK_BACKUP_SCHEDULE is not valid"),
        ("DAYBOOK_BACKUP_TIME_ZONE", "Mars/Olympus", "is no time zone"),
        ("DAYBOOK_BACKUP_KEEP", "0", "must be at least 1"),
        ("DAYBOOK_BACKUP_MAX_AGE", "101years", "must be at most 100years"),
    ] {
        let mut command = binary::daybook(folder.path());
        command.env("DAYBOOK_BACKUP_SCHEDULE", "0 0 * * *").env(name, value).arg("worker");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(binary::stderr(&output).contains(reason), "{}", binary::stderr(&output));
    }
}
