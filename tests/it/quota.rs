//! The hourly quota of exports is exact, even for concurrent requests.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use daybook_api::server::Duties;
use daybook_entity::membership::Role;
use daybook_service::jobs::steps::{Capacity, claim, rescue};
use daybook_tests::{Backend, Client, TestServer, Value, json, on_each_engine};
use uuid::Uuid;

const START: &str = "mutation($input: StartExportInput!) { startExport(input: $input) {
    job { id state } replayed quota { limit remaining resetsAt } userErrors { code message path }
} }";
const QUOTA: &str =
    "query($id: ID!) { organization(id: $id) { exportQuota { limit remaining resetsAt } } }";
const RETRY: &str = "mutation($id: ID!) { retryJob(input: { jobId: $id }) {
    job { id } userErrors { code message path }
} }";
const CANCEL: &str = "mutation($id: ID!) { cancelJob(input: { jobId: $id }) { job { state } } }";
const HOUR: Duration = Duration::from_secs(3600);

/// Starts a server without a worker that allows `limit` exports an hour and waits for none.
async fn limited(server: &TestServer, limit: u32) -> TestServer {
    TestServer::start_idle_with(server.backend(), |config| {
        config.exports_per_hour = limit;
        config.testing.export_inline_records = 0;
    })
    .await
}

/// Starts an export that is like no other one; the payload.
async fn start(client: &Client, organization: &str, number: usize) -> Value {
    let source = json!({ "auditLogs": { "filter": { "actorId": format!("actor-{number}") } } });
    start_with(client, json!({ "organizationId": organization, "source": source, "format": "CSV" }))
        .await
}

async fn start_with(client: &Client, input: Value) -> Value {
    client.query(START, json!({ "input": input })).await["startExport"].clone()
}

async fn quota(client: &Client, organization: &str) -> Value {
    client.query(QUOTA, json!({ "id": organization })).await["organization"]["exportQuota"].clone()
}

fn resets_at(quota: &Value) -> DateTime<Utc> {
    quota["resetsAt"].as_str().unwrap().parse().unwrap()
}

#[on_each_engine]
async fn one_is_left_again_when_the_oldest_is_an_hour_old(server: &TestServer) {
    let server = limited(server, 3).await;
    let acme = server.organization("acme").await;
    let other = server.organization("other").await;
    let admin = server.client(&acme, Role::Admin).await;
    server.set_member(&other, "admin", Role::Admin).await;
    assert_eq!(quota(&admin, &acme).await["remaining"], 3);
    let mut first = None;
    for number in 0..3 {
        let payload = start(&admin, &acme, number).await;
        assert_eq!(payload["quota"]["limit"], 3);
        assert_eq!(payload["quota"]["remaining"], 2 - number);
        assert_eq!(payload["quota"], quota(&admin, &acme).await);
        // The oldest's hour, whatever follows.
        assert_eq!(
            *first.get_or_insert(resets_at(&payload["quota"])),
            resets_at(&payload["quota"])
        );
        server.clock.advance(Duration::from_secs(600));
    }
    let first = first.unwrap();
    let refused = start(&admin, &acme, 3).await;
    assert_eq!(refused["job"], Value::Null);
    let problem = &refused["userErrors"][0];
    assert_eq!((&problem["code"], &problem["path"]), (&json!("RATE_LIMITED"), &json!([])));
    let until = refused["quota"]["resetsAt"].as_str().unwrap();
    assert!(problem["message"].as_str().unwrap().contains(until), "{refused}");
    assert_eq!((resets_at(&refused["quota"]), &refused["quota"]["remaining"]), (first, &json!(0)));
    // What was refused costs nothing, and the others' is their own.
    assert_eq!(start(&admin, &other, 0).await["quota"]["remaining"], 2);
    let another = server.start_another(Duties::Serve).await;
    let elsewhere = server.client_at(&another, "admin");
    assert_eq!(start(&elsewhere, &acme, 4).await["userErrors"][0]["code"], "RATE_LIMITED");
    another.stop().await.unwrap();
    // Half an hour has passed, and then more than a token lives.
    server.clock.advance(HOUR / 2);
    let admin = server.client_of("admin");
    let payload = start(&admin, &acme, 5).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["quota"]["remaining"], 0);
    assert_eq!(start(&admin, &acme, 6).await["userErrors"][0]["code"], "RATE_LIMITED");
    server.clock.advance(HOUR * 2);
    let admin = server.client_of("admin");
    assert_eq!(quota(&admin, &acme).await["remaining"], 3);
    server.finish().await;
}

#[on_each_engine]
async fn of_five_hundred_at_once_exactly_so_many_start(server: &TestServer) {
    let server = limited(server, 7).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    // SQLite is one process's, and one request's at a time.
    let (more, count) = if server.backend() == Backend::Postgres { (2, 500) } else { (0, 100) };
    let mut others = Vec::new();
    for _ in 0..more {
        others.push(server.start_another(Duties::Serve).await);
    }
    let mut clients = vec![admin.clone()];
    clients.extend(others.iter().map(|other| server.client_at(other, "admin")));
    let requests = (0..count).map(|number| start(&clients[number % clients.len()], &acme, number));
    let payloads = futures::future::join_all(requests).await;
    let started = payloads.iter().filter(|payload| payload["userErrors"] == json!([])).count();
    let refused = payloads
        .iter()
        .filter(|payload| payload["userErrors"][0]["code"] == "RATE_LIMITED")
        .count();
    assert_eq!((started, refused), (7, count - 7));
    let mut left: Vec<_> =
        payloads.iter().map(|payload| payload["quota"]["remaining"].as_u64().unwrap()).collect();
    left.sort_unstable();
    assert!(left[..count - 7].iter().all(|left| *left == 0), "{left:?}");
    let jobs = "query($id: ID!) { jobs(organizationId: $id) { totalCount } }";
    assert_eq!(admin.query(jobs, json!({ "id": acme })).await["jobs"]["totalCount"], 7);
    for other in others {
        other.stop().await.unwrap();
    }
    server.finish().await;
}

#[on_each_engine]
async fn what_starts_nothing_costs_nothing(server: &TestServer) {
    let server = limited(server, 3).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let auditor = server.client(&acme, Role::Auditor).await;
    let source = json!({ "auditLogs": {} });
    let keyed = json!({ "organizationId": acme, "source": source, "format": "CSV", "idempotencyKey": "one" });
    let plain = json!({ "organizationId": acme, "source": source, "format": "JSON" });
    for (input, replayed, remaining) in [
        (&keyed, false, 2),
        (&keyed, true, 2),
        (&plain, false, 1),
        (&plain, true, 1),
        (&keyed, true, 1),
    ] {
        let payload = start_with(&admin, input.clone()).await;
        assert_eq!(
            (&payload["replayed"], &payload["quota"]["remaining"]),
            (&json!(replayed), &json!(remaining))
        );
    }
    let wrong = json!({ "organizationId": acme, "source": { "auditLogs": { "filter": { "search": "" } } }, "format": "CSV" });
    let payload = start_with(&admin, wrong).await;
    assert_eq!(
        (&payload["userErrors"][0]["code"], &payload["quota"]["remaining"]),
        (&json!("INVALID"), &json!(1))
    );
    // It is the organization's, not each one's.
    assert_eq!(start_with(&auditor, plain).await["quota"]["remaining"], 0);
    // Where none is left, a repetition still gives its job.
    assert_eq!(start_with(&admin, keyed).await["replayed"], true);
    assert_eq!(start(&admin, &acme, 1).await["userErrors"][0]["code"], "RATE_LIMITED");
    server.finish().await;
}

#[on_each_engine]
async fn our_failures_cost_nothing_and_what_was_canceled_does(server: &TestServer) {
    let server = limited(server, 2).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let failed = start(&admin, &acme, 0).await["job"]["id"].clone();
    // A worker that dies at it, as often as it is tried.
    let state = "query($id: ID!) { job(id: $id) { state error { code } } }";
    for attempt in 0.. {
        let room = Capacity { free: 1, running: HashMap::new(), last: Uuid::nil() };
        claim(&server.instance().worker, room).await.unwrap();
        server.clock.advance(Duration::from_secs(60));
        rescue(&server.instance().core).await.unwrap();
        let job = admin.query(state, json!({ "id": failed })).await["job"].clone();
        let is_over = job == json!({ "state": "FAILED", "error": { "code": "STALLED" } });
        // While it may still succeed it counts.
        assert_eq!(quota(&admin, &acme).await["remaining"], if is_over { 2 } else { 1 });
        if is_over {
            break;
        }
        assert!(attempt < 30, "{job}");
    }
    let canceled = start(&admin, &acme, 1).await["job"]["id"].clone();
    admin.query(CANCEL, json!({ "id": canceled })).await;
    assert_eq!(quota(&admin, &acme).await["remaining"], 1);
    // A repetition is one more.
    let retried = admin.query(RETRY, json!({ "id": failed })).await["retryJob"].clone();
    assert_eq!(retried["userErrors"], json!([]));
    assert_eq!(quota(&admin, &acme).await["remaining"], 0);
    let refused = admin.query(RETRY, json!({ "id": canceled })).await["retryJob"].clone();
    assert_eq!(
        (&refused["job"], &refused["userErrors"][0]["code"]),
        (&Value::Null, &json!("RATE_LIMITED"))
    );
    server.finish().await;
}

#[on_each_engine]
async fn instance_may_start_none_and_tells_strangers_nothing(server: &TestServer) {
    let server = limited(server, 0).await;
    let acme = server.organization("acme").await;
    let other = server.organization("other").await;
    let admin = server.client(&acme, Role::Admin).await;
    let payload = start(&admin, &acme, 0).await;
    assert_eq!(payload["userErrors"][0]["code"], "RATE_LIMITED");
    assert_eq!(
        (&payload["quota"]["limit"], &payload["quota"]["remaining"]),
        (&json!(0), &json!(0))
    );
    let payload = start(&admin, &other, 0).await;
    assert_eq!(
        (&payload["userErrors"][0]["code"], &payload["quota"]["remaining"]),
        (&json!("NOT_FOUND"), &json!(0))
    );
    server.finish().await;
}
