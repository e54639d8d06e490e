//! `jobUpdates` of several organizations, and of several processes on one database.

use daybook_api::server::Duties;
use daybook_entity::membership::Role;
use daybook_tests::{Socket, TestServer, Value, json, on_each_engine};

use crate::feed::{life, next, start, subscribe, transitions, until};

#[on_each_engine]
async fn organizations_are_told_apart_and_operators_see_all(server: &TestServer) {
    let (acme, other) = (server.organization("acme").await, server.organization("other").await);
    let admin = server.client(&acme, Role::Admin).await;
    server.set_member(&other, "stranger", Role::Admin).await;
    let stranger = server.client_of("stranger");
    let operator = server.operator().await;
    let mut own = server.socket(admin.token.as_ref().unwrap()).await;
    let mut all = server.socket(operator.token.as_ref().unwrap()).await;
    subscribe(&mut own, "1", json!({ "organization": acme })).await;
    subscribe(&mut all, "1", json!({})).await;
    for socket in [&mut own, &mut all] {
        assert_eq!(next(socket).await["type"], "SYNCED");
    }
    let theirs = start(&stranger, &other).await;
    stranger.finished(&theirs).await;
    let mine = start(&admin, &acme).await;
    let seen = until(&mut own, |update| update["job"]["state"] == "SUCCEEDED").await;
    assert_eq!(transitions(&seen), life(&mine));
    let is_end = |update: &Value| {
        update["job"]["id"] == json!(mine) && update["job"]["state"] == "SUCCEEDED"
    };
    let seen = until(&mut all, is_end).await;
    assert_eq!(transitions(&seen), [life(&theirs), life(&mine)].concat());
}

#[on_each_engine]
async fn news_of_another_process_arrive(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let other = server.start_another(Duties::Serve).await;
    let elsewhere = server.client_at(&other, "admin");
    let url = format!("http://{}/graphql", other.address);
    let mut there = Socket::connect(&url, admin.token.as_ref().unwrap()).await;
    let mut here = server.socket(admin.token.as_ref().unwrap()).await;
    for socket in [&mut there, &mut here] {
        subscribe(socket, "1", json!({ "organization": acme })).await;
        assert_eq!(next(socket).await["type"], "SYNCED");
    }
    // Asked for on one, worked on the other, told on both.
    for client in [&elsewhere, &admin] {
        let id = start(client, &acme).await;
        for socket in [&mut there, &mut here] {
            let seen = until(socket, |update| update["job"]["state"] == "SUCCEEDED").await;
            assert_eq!(transitions(&seen), life(&id));
        }
    }
    // A cursor of one is good on the other.
    let cursor =
        admin.finished(&start(&admin, &acme).await).await["transitions"][1]["cursor"].clone();
    subscribe(&mut there, "2", json!({ "organization": acme, "after": cursor })).await;
    let mut seen = Vec::new();
    while !seen.iter().any(|update: &Value| update["type"] == "SYNCED") {
        let message = there.next().await;
        if message["id"] == "2" {
            seen.push(message["payload"]["data"]["jobUpdates"].clone());
        }
    }
    let told = transitions(&seen);
    assert_eq!(told.iter().map(|(_, _, to)| to.as_str()).collect::<Vec<_>>(), ["SUCCEEDED"]);
    other.stop().await.unwrap();
}
