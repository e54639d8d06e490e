//! `jobUpdates` from cursors at the edges of the feed.

use daybook_api::server::Duties;
use daybook_entity::membership::Role;
use daybook_tests::{TestServer, json, on_each_engine};

use crate::feed::{idle, is, life, next, start, subscribe, transitions, until};

#[on_each_engine]
async fn cursor_of_a_snapshot_loses_no_transition(server: &TestServer) {
    let (idle, acme, admin) = idle(server).await;
    let jobs = [start(&admin, &acme).await, start(&admin, &acme).await];
    let mut socket = idle.socket(admin.token.as_ref().unwrap()).await;
    subscribe(&mut socket, "1", json!({ "organization": acme })).await;
    let cursor = next(&mut socket).await["cursor"].clone();
    drop(socket);
    let worker = idle.start_another(Duties::ServeAndWork).await;
    for id in &jobs {
        admin.finished(id).await;
    }
    let mut socket = idle.socket(admin.token.as_ref().unwrap()).await;
    subscribe(&mut socket, "2", json!({ "organization": acme, "after": cursor })).await;
    let told = transitions(&until(&mut socket, is("SYNCED")).await);
    for id in &jobs {
        let own: Vec<_> = told.iter().filter(|(job, ..)| job == id).cloned().collect();
        assert_eq!(own, life(id)[1..]);
    }
    worker.stop().await.unwrap();
    idle.finish().await;
}

#[on_each_engine]
async fn watch_of_a_job_after_its_last_transition_completes(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let job = start(&admin, &acme).await;
    let last = admin.finished(&job).await["transitions"][2]["cursor"].clone();
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    subscribe(&mut socket, "1", json!({ "organization": acme, "job": job, "after": last })).await;
    assert_eq!(next(&mut socket).await["type"], "SYNCED");
    assert_eq!(socket.next().await, json!({ "type": "complete", "id": "1" }));
}

#[on_each_engine]
async fn transition_is_told_again_as_it_was(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    subscribe(&mut socket, "live", json!({ "organization": acme })).await;
    let cursor = next(&mut socket).await["cursor"].clone();
    drop(socket);
    let id = start(&admin, &acme).await;
    admin.finished(&id).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    subscribe(&mut socket, "again", json!({ "organization": acme, "after": cursor })).await;
    let again = until(&mut socket, is("SYNCED")).await;
    let queued = again.iter().find(|update| update["job"]["state"] == "QUEUED").unwrap();
    assert_eq!(queued["job"]["progress"]["done"], "0", "{queued}");
}

// A client takes a completion for the end of it all, and does not come back.
#[on_each_engine]
async fn stopping_server_completes_no_watch(server: &TestServer) {
    let (stopping, acme, admin) = idle(server).await;
    admin.record(&acme, 1).await;
    let last =
        "query($id: ID!) { auditLogs(organizationId: $id, first: 1) { pageInfo { endCursor } } }";
    let last = admin.query(last, json!({ "id": acme })).await;
    // From a cursor on, so that it is told of the next entry whenever it begins.
    let log = json!({ "organization": acme, "after": last["auditLogs"]["pageInfo"]["endCursor"] });
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = stopping.socket(admin.token.as_ref().unwrap()).await;
        subscribe(&mut socket, "jobs", json!({ "organization": acme })).await;
        assert_eq!(next(&mut socket).await["type"], "SYNCED");
        let tail = "subscription($organization: ID!, $after: String) {
            auditLogRecorded(organizationId: $organization, after: $after) { cursor } }";
        socket.subscribe("log", tail, log.clone()).await;
        sockets.push(socket);
    }
    // Each is delivered this one: all of them are at work.
    admin.record(&acme, 1).await;
    for socket in &mut sockets {
        assert!(socket.data().await["auditLogRecorded"].is_object());
    }
    let (ends, ()) = tokio::join!(
        futures::future::join_all(sockets.iter_mut().map(async |socket| socket.rest().await)),
        stopping.finish(),
    );
    for (code, _, messages) in ends {
        assert_eq!((code, messages), (1012, vec![]));
    }
}
