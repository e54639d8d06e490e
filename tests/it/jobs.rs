//! Jobs: repeated requests, cancellation, retry, lost permissions, and entries in the log.

use daybook_entity::membership::Role;
use daybook_tests::{Backend, Client, TestServer, Value, json, on_each_idle_engine};

async fn start(client: &Client, organization: &str, more: Value) -> Value {
    let mut input = json!({
        "organizationId": organization,
        "source": { "auditLogs": { "filter": { "action": "test.*" } } },
        "format": "JSONL",
    });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let start = "mutation($input: StartExportInput!) { startExport(input: $input) {
        job { id state retryOf { id } } replayed userErrors { code path }
    } }";
    client.query(start, json!({ "input": input })).await["startExport"].clone()
}

async fn cancel(client: &Client, id: &Value) -> Value {
    let cancel = "mutation($id: ID!) { cancelJob(input: { jobId: $id }) {
        job { id state cancelRequestedAt } userErrors { code path }
    } }";
    client.query(cancel, json!({ "id": id })).await["cancelJob"].clone()
}

async fn retry(client: &Client, id: &Value) -> Value {
    let retry = "mutation($id: ID!) { retryJob(input: { jobId: $id }) {
        job { id state retryOf { id } } userErrors { code path }
    } }";
    client.query(retry, json!({ "id": id })).await["retryJob"].clone()
}

/// The actions of the job entries in the log, oldest first.
async fn told(client: &Client, organization: &str) -> Vec<String> {
    let query =
        "query($id: ID!) { auditLogs(organizationId: $id, orderBy: RECORDED_ASC, first: 100,
        filter: { action: \"job.*\" }) { nodes { action } } }";
    let page = client.query(query, json!({ "id": organization })).await;
    let nodes = page["auditLogs"]["nodes"].as_array().unwrap().clone();
    nodes.iter().map(|node| node["action"].as_str().unwrap().to_owned()).collect()
}

#[on_each_idle_engine]
async fn same_key_gives_the_same_job_and_no_other_input(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    let key = json!({ "idempotencyKey": "k" });
    let first = start(&admin, &acme, key.clone()).await;
    assert_eq!(first["replayed"], false);
    let again = start(&admin, &acme, key.clone()).await;
    assert_eq!((&again["job"]["id"], &again["replayed"]), (&first["job"]["id"], &json!(true)));
    let other = start(&admin, &acme, json!({ "idempotencyKey": "k", "format": "CSV" })).await;
    assert_eq!(other["userErrors"], json!([{ "code": "CONFLICT", "path": ["idempotencyKey"] }]));
    server.start_work();
    admin.finished(first["job"]["id"].as_str().unwrap()).await;
    let later = start(&admin, &acme, key).await;
    assert_eq!(
        (&later["job"]["id"], &later["job"]["state"]),
        (&first["job"]["id"], &json!("SUCCEEDED"))
    );
}

#[on_each_idle_engine]
async fn fifty_requests_at_once_with_one_key_start_one_job(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    let requests = (0..50).map(|_| start(&admin, &acme, json!({ "idempotencyKey": "k" })));
    let answers = futures::future::join_all(requests).await;
    let new = answers.iter().filter(|answer| answer["replayed"] == false).count();
    assert_eq!(new, 1);
    assert!(answers.iter().all(|answer| answer["job"]["id"] == answers[0]["job"]["id"]));
}

#[on_each_idle_engine]
async fn identical_request_joins_its_unfinished_twin_only(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    let first = start(&admin, &acme, json!({})).await;
    let twin = start(&admin, &acme, json!({})).await;
    assert_eq!((&twin["job"]["id"], &twin["replayed"]), (&first["job"]["id"], &json!(true)));
    let other = start(&admin, &acme, json!({ "format": "CSV" })).await;
    assert_ne!(other["job"]["id"], first["job"]["id"]);
    let auditor = server.client(&acme, Role::Auditor).await;
    let someone_elses = start(&auditor, &acme, json!({})).await;
    assert_ne!(someone_elses["job"]["id"], first["job"]["id"]);
    server.start_work();
    admin.finished(first["job"]["id"].as_str().unwrap()).await;
    let later = start(&admin, &acme, json!({})).await;
    assert_eq!(later["replayed"], false);
    admin.finished(later["job"]["id"].as_str().unwrap()).await;
}

#[on_each_idle_engine]
async fn queued_job_is_canceled_at_once_and_can_be_repeated(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    let job = start(&admin, &acme, json!({})).await["job"].clone();
    assert_eq!(retry(&admin, &job["id"]).await["userErrors"][0]["code"], "CONFLICT");
    let canceled = cancel(&admin, &job["id"]).await;
    assert_eq!(canceled["job"]["state"], "CANCELED");
    assert_eq!(cancel(&admin, &job["id"]).await, canceled, "again");
    server.start_work();
    let repeated = retry(&admin, &job["id"]).await;
    assert_eq!(repeated["job"]["retryOf"]["id"], job["id"]);
    let done = admin.finished(repeated["job"]["id"].as_str().unwrap()).await;
    assert_eq!(done["state"], "SUCCEEDED");
    assert_eq!(cancel(&admin, &done["id"]).await["userErrors"][0]["code"], "CONFLICT");
    assert_eq!(retry(&admin, &done["id"]).await["userErrors"][0]["code"], "CONFLICT");
    let wanted = ["requested", "canceled", "requested", "started", "succeeded"];
    assert_eq!(told(&admin, &acme).await, wanted.map(|verb| format!("job.export.{verb}")));
}

#[on_each_idle_engine]
async fn running_job_is_canceled_within_a_second_and_leaves_nothing(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 10_000).await;
    let job = start(&admin, &acme, json!({})).await["job"].clone();
    // Held where a slow store would hold it: its reads wait for a connection.
    let bulk = server.hold_bulk_connections().await;
    server.start_work();
    let state = "query($id: ID!) { job(id: $id) { state } }";
    daybook_tests::eventually("running", 10, async || {
        let job = admin.query(state, json!({ "id": job["id"] })).await;
        (job["job"]["state"] == "RUNNING").then_some(())
    })
    .await;
    let asked = std::time::Instant::now();
    assert_eq!(cancel(&admin, &job["id"]).await["job"]["state"], "RUNNING");
    let ended = admin.finished(job["id"].as_str().unwrap()).await;
    assert_eq!(ended["state"], "CANCELED", "{ended}");
    assert!(asked.elapsed().as_secs_f64() < 1.0, "{:?}", asked.elapsed());
    assert_eq!(ended["transitions"][2]["reason"], "canceled by admin");
    drop(bulk);
}

#[on_each_idle_engine]
async fn lost_role_fails_the_job_that_waits(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let auditor = server.client(&acme, Role::Auditor).await;
    admin.record(&acme, 1_100).await;
    let job = start(&auditor, &acme, json!({})).await["job"].clone();
    server.remove_member(&acme, "auditor").await;
    server.start_work();
    let ended = admin.finished(job["id"].as_str().unwrap()).await;
    assert_eq!(ended["state"], "FAILED");
    assert_eq!(ended["error"]["code"], "ACCESS_REVOKED");
    assert_eq!(ended["error"]["retryable"], false);
}

#[on_each_idle_engine]
async fn job_of_another_organization_can_not_be_touched(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    let job = start(&admin, &acme, json!({})).await["job"].clone();
    let initech = server.organization("initech").await;
    server.set_member(&initech, "peter", Role::Admin).await;
    let peter = server.client_of("peter");
    for answer in [cancel(&peter, &job["id"]).await, retry(&peter, &job["id"]).await] {
        assert_eq!(answer["userErrors"], json!([{ "code": "NOT_FOUND", "path": ["jobId"] }]));
    }
    server.set_member(&acme, "walter", Role::Writer).await;
    let cancel = "mutation($id: ID!) { cancelJob(input: { jobId: $id }) { job { id } } }";
    let refused = server.client_of("walter").error(cancel, json!({ "id": job["id"] })).await;
    assert_eq!(refused, "FORBIDDEN");
    assert_eq!(
        admin
            .send("query($id: ID!) { job(id: $id) { state } }", json!({ "id": job["id"] }))
            .await
            .body["data"]["job"]["state"],
        "QUEUED"
    );
    server.start_work();
    admin.finished(job["id"].as_str().unwrap()).await;
}

#[on_each_idle_engine]
async fn silent_attempt_is_rescued_once_and_can_change_nothing(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    let job = start(&admin, &acme, json!({})).await["job"].clone();
    // The first attempt waits for a connection until its lease is over.
    let bulk = server.hold_bulk_connections().await;
    server.start_work();
    let state = "query($id: ID!) { job(id: $id) { state attempt } }";
    daybook_tests::eventually("running", 10, async || {
        let job = admin.query(state, json!({ "id": job["id"] })).await;
        (job["job"]["state"] == "RUNNING").then_some(())
    })
    .await;
    server.clock.advance(std::time::Duration::from_secs(31));
    daybook_tests::eventually("rescue", 10, async || {
        let actions = told(&admin, &acme).await;
        actions.contains(&"job.export.rescued".to_owned()).then_some(())
    })
    .await;
    drop(bulk);
    server.clock.advance(std::time::Duration::from_secs(2));
    let ended = admin.finished(job["id"].as_str().unwrap()).await;
    assert_eq!((&ended["state"], &ended["attempt"]), (&json!("SUCCEEDED"), &json!(2)), "{ended}");
    let states: Vec<_> =
        ended["transitions"].as_array().unwrap().iter().map(|t| t["to"].clone()).collect();
    assert_eq!(states, ["QUEUED", "RUNNING", "QUEUED", "RUNNING", "SUCCEEDED"]);
}

#[on_each_idle_engine]
async fn links_and_downloads_are_in_the_log(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 10).await;
    server.start_work();
    let job = admin.export(&acme, "CSV").await["job"].clone();
    admin.download(job["artifact"]["downloadUrl"].as_str().unwrap()).await;
    let query = "query($id: ID!) { auditLogs(organizationId: $id, orderBy: RECORDED_ASC,
        filter: { action: \"artifact.*\" }) {
        nodes { action actor { externalId } resource { externalId } metadata { extra ipAddress } } } }";
    let page = admin.query(query, json!({ "id": acme })).await;
    let entry = |action: &str, via: &str| {
        json!({
            "action": action, "actor": { "externalId": "admin" }, "resource": { "externalId": job["id"] },
            "metadata": { "extra": { "via": via }, "ipAddress": "127.0.0.1" },
        })
    };
    let wanted = [
        entry("artifact.link_issued", "daybook"),
        entry("artifact.downloaded", "inline"),
        entry("artifact.downloaded", "link"),
    ];
    // The link and the file in the answer are resolved at once, in any order.
    let found = page["auditLogs"]["nodes"].as_array().unwrap();
    assert!(wanted.iter().all(|entry| found.contains(entry)), "{found:?}");
    assert_eq!((found.len(), &found[2]), (3, &wanted[2]));
}

#[on_each_idle_engine]
async fn expired_artifact_is_removed_and_says_so(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 10).await;
    server.start_work();
    let job = admin.export(&acme, "CSV").await["job"].clone();
    let url = job["artifact"]["downloadUrl"].as_str().unwrap();
    server.clock.advance(std::time::Duration::from_secs(24 * 3600 + 1));
    let late = server.client_of("admin");
    assert_eq!(late.http.get(url).send().await.unwrap().status().as_u16(), 404);
    daybook_service::janitor::sweep(&server.instance().core).await.unwrap();
    let job = late.finished(job["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "SUCCEEDED");
    assert_eq!(
        (&job["artifact"]["expired"], &job["artifact"]["downloadUrl"]),
        (&json!(true), &json!(null))
    );
}

/// Of a running server whose history ended before a cursor was used.
const WATCH: &str =
    "subscription($id: ID!, $after: String) { jobUpdates(organizationId: $id, after: $after) {
    type cursor job { id state }
} }";

#[on_each_idle_engine]
async fn cursor_from_before_the_kept_history_gets_a_gap_and_a_snapshot(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    let old = start(&admin, &acme, json!({})).await["job"].clone();
    let transitions = "query($id: ID!) { job(id: $id) { transitions { cursor } } }";
    let kept = admin.query(transitions, json!({ "id": old["id"] })).await;
    let after = kept["job"]["transitions"][0]["cursor"].clone();
    cancel(&admin, &old["id"]).await;
    server.clock.advance(std::time::Duration::from_secs(31 * 24 * 3600));
    let admin = server.client_of("admin");
    let new = start(&admin, &acme, json!({ "format": "CSV" })).await["job"].clone();
    daybook_service::janitor::sweep(&server.instance().core).await.unwrap();
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    socket.subscribe("1", WATCH, json!({ "id": acme, "after": after })).await;
    let gap = socket.data().await["jobUpdates"].clone();
    assert_eq!((&gap["type"], &gap["job"]), (&json!("GAP"), &json!(null)));
    let snapshot = socket.data().await["jobUpdates"].clone();
    assert_eq!((&snapshot["type"], &snapshot["job"]["id"]), (&json!("SNAPSHOT"), &new["id"]));
    let synced = socket.data().await["jobUpdates"].clone();
    assert_eq!(synced["type"], "SYNCED");
    socket.subscribe("2", WATCH, json!({ "id": acme, "after": synced["cursor"] })).await;
    assert_eq!(
        socket.data().await["jobUpdates"]["type"],
        "SYNCED",
        "nothing is missing after that"
    );
    let kept = admin.query(transitions, json!({ "id": old["id"] })).await;
    assert_eq!(kept["job"]["transitions"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organization_has_so_many_subscriptions_and_no_more() {
    let server =
        TestServer::start_with(Backend::Sqlite, |config| config.organization_subscriptions = 2)
            .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    for id in ["1", "2"] {
        socket.subscribe(id, WATCH, json!({ "id": acme })).await;
        assert_eq!(socket.data().await["jobUpdates"]["type"], "SYNCED");
    }
    socket.subscribe("3", WATCH, json!({ "id": acme })).await;
    let refused = socket.next().await;
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "RATE_LIMITED", "{refused}");
    // One that ends makes room.
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    daybook_tests::eventually("room", 10, async || {
        socket.subscribe("4", WATCH, json!({ "id": acme })).await;
        loop {
            let message = socket.next().await;
            if message["id"] == "4" && message["type"] == "next" {
                return (message["payload"]["data"]["jobUpdates"]["type"] == "SYNCED")
                    .then_some(());
            }
        }
    })
    .await;
    server.finish().await;
}
