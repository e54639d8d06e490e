//! Errors that a job reports for failed attempts.

use std::{collections::HashMap, time::Duration};

use daybook_entity::membership::Role;
use daybook_service::jobs::steps::{Capacity, claim, rescue};
use daybook_tests::{TestServer, json, on_each_idle_engine};
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
