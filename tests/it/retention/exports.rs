//! An export whose entries are removed while it waits or runs says so.

use daybook_entity::{
    job::{self, JobKind},
    membership::Role,
};
use daybook_service::retention::prune;
use daybook_tests::{TestServer, json, on_each_backend};
use sea_orm::{ActiveValue::Set, EntityTrait};

use super::{first, in_pieces, keep, later};

/// Removes what is old as if no export could be seen: as a removal does that was decided before one was
/// committed, and is committed after it.
async fn remove_beside(server: &TestServer) {
    let db = server.database.connect().await;
    let show_as = async |kind: JobKind| {
        let shown = job::Entity::update_many()
            .set(job::ActiveModel { kind: Set(kind), ..Default::default() });
        shown.exec(&db).await.unwrap();
    };
    show_as(JobKind::Backup).await;
    prune(server.instance()).await.unwrap();
    show_as(JobKind::Export).await;
    db.close().await.unwrap();
}

on_each_backend! {
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
}
