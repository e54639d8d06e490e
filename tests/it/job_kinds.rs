//! Kinds of jobs: those of a newer version are left to it, and a kind need not produce a file.

use std::collections::HashMap;

use daybook_entity::{
    job::{self, JobState},
    membership::Role,
};
use daybook_service::{
    Settings,
    jobs::{
        Attempt, AttemptError, Kind, Kinds, RegisteredKind, Success,
        steps::{Capacity, claim},
    },
    permission::JobWork,
};
use daybook_tests::{TestServer, json, on_each_idle_engine};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

async fn change(server: &TestServer, id: Uuid, changed: job::ActiveModel) {
    let db = server.database.connect().await;
    let jobs = job::Entity::update_many().set(changed).filter(job::Column::Id.eq(id));
    assert_eq!(jobs.exec(&db).await.unwrap().rows_affected, 1);
    db.close().await.unwrap();
}

async fn jobs(server: &TestServer) -> Vec<job::Model> {
    let db = server.database.connect().await;
    let found = job::Entity::find().all(&db).await.unwrap();
    db.close().await.unwrap();
    found
}

#[on_each_idle_engine]
async fn job_that_a_newer_version_wrote_waits_for_it(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    let newer = admin.export(&acme, "CSV").await["job"]["id"].clone();
    let row = jobs(server).await.remove(0);
    let mut payload: serde_json::Value = serde_json::from_str(&row.payload).unwrap();
    // A condition that this version does not know: ignored, the file would hold too much.
    payload["source"]["auditLogs"]["filter"]["moonPhase"] = json!("full");
    change(
        server,
        row.id,
        job::ActiveModel { payload: Set(payload.to_string()), ..Default::default() },
    )
    .await;
    let known = admin.export(&acme, "JSONL").await["job"]["id"].clone();
    server.start_work();
    // What stands behind it is not held up.
    assert_eq!(admin.finished(known.as_str().unwrap()).await["state"], "SUCCEEDED");
    let found = jobs(server).await.into_iter().find(|job| job.id == row.id).unwrap();
    assert_eq!((found.state, found.attempt, found.claim), (JobState::Queued, 0, 0));
    let seen = "query($id: ID!) { job(id: $id) { state attempt transitions { to } } }";
    let seen = admin.query(seen, json!({ "id": newer })).await["job"].clone();
    assert_eq!(
        seen,
        json!({ "state": "QUEUED", "attempt": 0, "transitions": [{ "to": "QUEUED" }] })
    );
    // A process that can read it takes it at once.
    change(
        server,
        row.id,
        job::ActiveModel { payload: Set(row.payload.clone()), ..Default::default() },
    )
    .await;
    let node = server.start_another(daybook_api::server::Duties::ServeAndWork).await;
    assert_eq!(admin.finished(newer.as_str().unwrap()).await["state"], "SUCCEEDED");
    node.stop().await.unwrap();
}

#[on_each_idle_engine]
async fn job_of_an_unknown_kind_waits_and_is_measured(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    admin.export(&acme, "CSV").await;
    let row = jobs(server).await.remove(0);
    let named = |kind: &str| job::ActiveModel { kind: Set(kind.to_owned()), ..Default::default() };
    change(server, row.id, named("TELEGRAM")).await;
    let room = Capacity { free: 1, running: HashMap::new(), last: Uuid::nil() };
    assert_eq!(claim(&server.instance().worker, room.clone()).await.unwrap(), Vec::new());
    let metrics = daybook_service::gauges::render(server.instance()).await.unwrap();
    assert!(metrics.contains("kind=\"telegram\",state=\"queued\"} 1"), "{metrics}");
    change(server, row.id, named("EXPORT")).await;
    assert_eq!(claim(&server.instance().worker, room).await.unwrap().len(), 1);
}

/// A kind of job that produces no file.
struct Nap;

impl Kind for Nap {
    type Payload = u32;
    const NAME: &'static str = "NAP";
    const PLURAL: &'static str = "naps";
    const READS_AUDIT_LOG: bool = false;

    fn work(_: &u32) -> JobWork {
        JobWork::BackUp
    }

    fn hourly_limit(_: &Settings) -> u32 {
        1
    }

    async fn run(_: &mut Attempt, minutes: u32) -> Result<Success, AttemptError> {
        Ok(Success::without_artifact(json!({ "slept": minutes }).to_string()))
    }
}

static NAPS: &[RegisteredKind] = &[RegisteredKind::new::<Nap>()];

#[on_each_idle_engine]
async fn kind_without_an_artifact_succeeds(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    admin.export(&acme, "CSV").await;
    let row = jobs(server).await.remove(0);
    change(
        server,
        row.id,
        job::ActiveModel {
            kind: Set("NAP".to_owned()),
            payload: Set("20".to_owned()),
            ..Default::default()
        },
    )
    .await;
    let node = server
        .start_another_with(daybook_api::server::Duties::ServeAndWork, |config| {
            config.job_kinds = Kinds(NAPS);
        })
        .await;
    let slept = async || jobs(server).await.remove(0);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while slept().await.state != JobState::Succeeded {
        assert!(std::time::Instant::now() < deadline, "{:?}", slept().await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(slept().await.outcome.as_deref(), Some(r#"{"slept":20}"#));
    node.stop().await.unwrap();
}
