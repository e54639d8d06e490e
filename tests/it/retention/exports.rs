//! An export whose entries are removed while it waits or runs says so.

use daybook_entity::{job, membership::Role, retention};
use daybook_service::retention::prune;
use daybook_tests::{
    Backend, TestServer, json, on_each_backend, on_each_engine, on_each_idle_engine,
};
use futures::future::join_all;
use sea_orm::{ActiveValue::Set, EntityTrait};

use super::{first, in_pieces, keep, later};

/// Removes what is old as if no export could be seen: as a removal does that was decided before one was
/// committed, and is committed after it.
async fn remove_beside(server: &TestServer) {
    let db = server.database.connect().await;
    let show_as = async |kind: &str| {
        let shown = job::Entity::update_many()
            .set(job::ActiveModel { kind: Set(kind.to_owned()), ..Default::default() });
        shown.exec(&db).await.unwrap();
    };
    show_as("BACKUP").await;
    prune(&server.instance().core).await.unwrap();
    show_as("EXPORT").await;
    db.close().await.unwrap();
}

#[on_each_engine]
async fn export_that_was_started_loses_nothing_to_retention(server: &TestServer) {
    let acme = server.organization("acme").await;
    server.client(&acme, Role::Admin).await;
    keep(server, "acme", "7");
    for round in 0..40 {
        // What the rounds before have left is old enough to go.
        let admin = later(server, 30).await;
        admin.record(&acme, 30).await;
        let starts = (1..5).map(|n| {
            let filter = json!({ "action": format!("{}*", &"test."[..n]) });
            let source = json!({ "auditLogs": { "filter": filter, "orderBy": "RECORDED_ASC" } });
            admin.start_export(
                json!({ "organizationId": acme, "format": "JSONL", "source": source }),
            )
        });
        let (pruned, started) = tokio::join!(prune(&server.instance().core), join_all(starts));
        pruned.unwrap();
        for payload in started {
            let job = admin.finished(payload["job"]["id"].as_str().unwrap()).await;
            assert_eq!(job["state"], "SUCCEEDED", "round {round}: {job}");
        }
    }
    prune(&server.instance().core).await.unwrap();
    let db = server.database.connect().await;
    let kept = retention::Entity::find().one(&db).await.unwrap().unwrap();
    assert!(kept.pruned > 500, "{kept:?}");
    db.close().await.unwrap();
}

#[on_each_idle_engine]
async fn export_whose_entries_are_gone_is_not_repeated(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 30).await;
    keep(server, "acme", "7");
    let source = json!({ "auditLogs": { "orderBy": "RECORDED_ASC" } });
    let input = json!({ "organizationId": acme, "format": "JSONL", "source": source });
    let payload = admin.start_export(input).await;
    let id = &payload["job"]["id"];
    let cancel = "mutation($id: ID!) { cancelJob(input: { jobId: $id }) { userErrors { code } } }";
    admin.query(cancel, json!({ "id": id })).await;
    let retry = "mutation($id: ID!) { retryJob(input: { jobId: $id }) {
        job { id } userErrors { code message path } } }";
    let admin = later(server, 30).await;
    prune(&server.instance().core).await.unwrap();
    let retried = admin.query(retry, json!({ "id": id })).await["retryJob"].clone();
    let error = &retried["userErrors"][0];
    assert_eq!(
        (&error["code"], &error["path"]),
        (&json!("CONFLICT"), &json!(["jobId"])),
        "{retried}"
    );
    assert!(error["message"].as_str().unwrap().contains("start a new export"), "{retried}");
}

#[on_each_backend]
async fn export_that_misses_entries_fails(backend: Backend) {
    let server = TestServer::start_idle_with(backend, in_pieces).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 100).await;
    keep(&server, "acme", "7");
    let source = json!({ "auditLogs": { "orderBy": "RECORDED_ASC" } });
    let input = json!({ "organizationId": acme, "format": "JSONL", "source": source });
    let admin = later(&server, 30).await;
    admin.record(&acme, 20).await;
    let payload = admin.start_export(input).await;
    remove_beside(&server).await;
    assert!(first(&admin, &acme).await > 100);
    server.start_work();
    // There are ten entries to export, but not those that were asked for.
    let job = admin.finished(payload["job"]["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "FAILED", "{job}");
    assert_eq!(job["error"]["code"], "SOURCE_CHANGED", "{job}");
    server.finish().await;
}
