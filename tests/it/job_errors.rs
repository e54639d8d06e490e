//! Errors that a job reports for failed attempts.

use std::{collections::HashMap, time::Duration};

use daybook_entity::membership::Role;
use daybook_service::jobs::steps::{Capacity, claim, rescue};
use daybook_tests::{TestServer, json, on_each_engine, on_each_idle_engine};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

const CANCEL: &str = "mutation($id: ID!) { cancelJob(input: { jobId: $id }) {
    job { state error { code } } userErrors { code }
} }";
const ERROR: &str = "query($id: ID!) { job(id: $id) { state error { code } } }";

#[on_each_idle_engine]
async fn job_that_is_canceled_before_its_next_attempt_has_no_error(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    let id = json!({ "id": admin.export(&acme, "CSV").await["job"]["id"] });
    let room = Capacity { free: 1, running: HashMap::new(), last: Uuid::nil() };
    assert_eq!(claim(&server.instance().worker, room).await.unwrap().len(), 1);
    server.clock.advance(Duration::from_secs(31));
    assert_eq!(rescue(&server.instance().core).await.unwrap(), 1);
    let waiting = admin.query(ERROR, id.clone()).await["job"].clone();
    assert_eq!(waiting, json!({ "state": "QUEUED", "error": { "code": "STALLED" } }));
    let wanted = json!({ "state": "CANCELED", "error": null });
    assert_eq!(admin.query(CANCEL, id.clone()).await["cancelJob"]["job"], wanted);
    assert_eq!(admin.query(ERROR, id).await["job"], wanted);
}

#[on_each_engine]
async fn requester_is_told_which_stored_value_can_t_be_read(server: &TestServer) {
    let acme = server.organization("acme").await;
    let member = server.client(&acme, Role::Member).await;
    let workspace = member.create_workspace(&acme, "docs").await;
    let note = member.create_note(&workspace, json!({})).await["note"].clone();
    let db = server.database.connect().await;
    db.execute_unprepared("UPDATE notes SET tags = '[1'").await.unwrap();
    let source = json!({ "notes": { "workspaceId": workspace } });
    let input = json!({ "organizationId": acme, "source": source, "format": "MARKDOWN" });
    let started = member.start_export(input).await;
    let job = member.finished(started["job"]["id"].as_str().unwrap()).await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("FAILED"), &json!("INTERNAL")));
    let said = job["error"]["message"].as_str().unwrap();
    assert!(said.starts_with("stored data can't be read: the tags of note "), "{note}: {said}");
    assert!(!said.contains("EOF"), "the cause is for the log only: {said}");
    db.execute_unprepared("UPDATE notes SET tags = '[]'").await.unwrap();
}
