//! `jobUpdates` of a long job: progress, and resuming from its cursors.

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, Value, json, on_each_engine};

use crate::feed::{is, next, subscribe, transitions, until};

#[on_each_engine]
async fn progress_only_grows_and_its_cursor_goes_on_after_it(server: &TestServer) {
    let large =
        TestServer::start_with(server.backend(), |config| config.export_max_records = 100_000)
            .await;
    let acme = large.organization("acme").await;
    let admin = large.client(&acme, Role::Admin).await;
    admin.record(&acme, 80_000).await;
    let mut socket = large.socket(admin.token.as_ref().unwrap()).await;
    subscribe(&mut socket, "live", json!({ "organization": acme })).await;
    assert_eq!(next(&mut socket).await["type"], "SYNCED");
    admin.export(&acme, "JSONL").await;
    let live = until(&mut socket, |update| update["job"]["state"] == "SUCCEEDED").await;
    socket.send(json!({ "type": "complete", "id": "live" })).await;

    let progress: Vec<&Value> = live.iter().filter(|update| update["type"] == "PROGRESS").collect();
    assert!(!progress.is_empty(), "no progress in {live:?}");
    let done: Vec<u64> = progress
        .iter()
        .map(|update| update["job"]["progress"]["done"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(done.is_sorted() && (1..=80_010).contains(&done[0]), "{done:?}");
    for (index, update) in progress.iter().enumerate() {
        assert_eq!(update["job"]["state"], "RUNNING");
        let id = index.to_string();
        subscribe(&mut socket, &id, json!({ "organization": acme, "after": update["cursor"] }))
            .await;
        let again = until(&mut socket, is("SYNCED")).await;
        let states: Vec<String> = transitions(&again).into_iter().map(|(_, _, to)| to).collect();
        assert_eq!(states, ["SUCCEEDED"]);
    }
    large.finish().await;
}
