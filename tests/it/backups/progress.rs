//! Progress of a backup, as a subscriber sees it.

use std::time::Duration;

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};

use super::{backed_up, start};

const PROGRESS: &str = "subscription($organization: ID!, $id: ID!) { jobUpdates(organizationId: $organization, jobId: $id) {
    type job { state attempt progress { phase done total fraction } }
} }";

#[on_each_engine]
async fn progress_of_a_backup_never_falls_and_names_its_phases(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 60_000).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    let job = start(&admin, json!({ "organizationId": acme })).await["job"]["id"].clone();
    socket.subscribe("1", PROGRESS, json!({ "organization": acme, "id": job })).await;
    let mut told: Vec<Value> = Vec::new();
    loop {
        let update = socket.data().await["jobUpdates"].clone();
        let is_over = update["job"]["state"] == "SUCCEEDED";
        if update["type"] == "PROGRESS" || is_over {
            assert_eq!(update["job"]["attempt"], 1, "{update}");
            told.push(update["job"]["progress"].clone());
        }
        if is_over {
            break;
        }
    }
    let fractions: Vec<f64> = told.iter().map(|told| told["fraction"].as_f64().unwrap()).collect();
    assert!(fractions.len() > 2 && fractions.is_sorted(), "{told:?}");
    assert_eq!(fractions.last(), Some(&1.0));
    let done: Vec<u64> =
        told.iter().map(|told| told["done"].as_str().unwrap().parse().unwrap()).collect();
    assert!(done.is_sorted(), "{done:?}");
    let phases: Vec<_> =
        told.iter().filter_map(|told| told["phase"].as_str()?.split(' ').next()).collect();
    let at = |name| phases.iter().position(|phase| *phase == name);
    assert!(at("write") < at("restore") && at("restore").is_some(), "{phases:?}");
    // While it is restored, what was written counts.
    assert!(fractions[at("restore").unwrap()] >= 0.45, "{told:?}");
}

#[on_each_engine]
async fn availability_says_why_there_is_no_link(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let auditor = server.client(&acme, Role::Auditor).await;
    let operator = server.operator().await;
    admin.record(&acme, 3).await;
    let (job, _) = backed_up(&admin, json!({ "organizationId": acme })).await;
    let ask = "query($id: ID!) { job(id: $id) { artifact { availability expired downloadUrl } } }";
    let say = async |client: &Client| {
        client.query(ask, json!({ "id": job["id"] })).await["job"]["artifact"].clone()
    };
    let said = say(&admin).await;
    assert_eq!(
        (&said["availability"], said["downloadUrl"].is_string()),
        (&json!("AVAILABLE"), true)
    );
    for client in [&auditor, &operator] {
        let expected =
            json!({ "availability": "NOT_ALLOWED", "expired": false, "downloadUrl": null });
        assert_eq!(say(client).await, expected);
    }
    server.clock.advance(Duration::from_secs(25 * 3600));
    // Their own tokens have ended, too.
    for client in [server.client_of("admin"), server.client_of("operator")] {
        let expected = json!({ "availability": "EXPIRED", "expired": true, "downloadUrl": null });
        assert_eq!(say(&client).await, expected);
    }
}
