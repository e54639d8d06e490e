//! Estimates of exports agree with the exports.

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};

use crate::exports::input;

const ESTIMATE: &str = "query($id: ID!, $filter: AuditLogFilter) {
    exportEstimate(organizationId: $id, source: { auditLogs: { filter: $filter } }) { recordCount inline pieces }
}";

async fn estimate(client: &Client, organization: &str, filter: &Value) -> Value {
    let variables = json!({ "id": organization, "filter": filter });
    client.query(ESTIMATE, variables).await["exportEstimate"].clone()
}

#[on_each_engine]
async fn estimate_is_what_the_export_becomes(server: &TestServer) {
    let small = TestServer::start_with(server.backend(), |config| {
        config.export_max_records = 10;
        config.testing.export_inline_records = 5;
    })
    .await;
    let acme = small.organization("acme").await;
    let admin = small.client(&acme, Role::Admin).await;
    admin.record(&acme, 25).await;
    for (filter, count, inline, pieces) in [
        (json!({ "action": "test.*" }), "25", false, 3),
        // Not just "test 7": a job's ID that happens to hold a 7 by itself is found as well.
        (json!({ "search": "ADA test 7" }), "1", true, 1),
        (json!({ "search": "test", "action": "test.1*" }), "11", false, 2),
        (json!({ "action": "test.2*" }), "6", false, 1),
        (json!({ "action": "nothing" }), "0", true, 1),
    ] {
        let expected = json!({ "recordCount": count, "inline": inline, "pieces": pieces });
        assert_eq!(estimate(&admin, &acme, &filter).await, expected, "{filter}");
        let (mut request, mut taken) = (input(&acme, &filter, "RECORDED_ASC", "JSONL"), 0);
        loop {
            let started = admin.start_export(request.clone()).await;
            taken += 1;
            if taken == 1 {
                assert_eq!(started["job"]["recordsMatched"], count);
                assert_eq!(started["job"]["state"] == "SUCCEEDED", inline, "{started}");
            }
            let job = admin.finished(started["job"]["id"].as_str().unwrap()).await;
            request["after"] = job["continuation"].clone();
            if job["truncated"] == false {
                break;
            }
        }
        assert_eq!(taken, pieces);
    }
    small.finish().await;
}

#[on_each_engine]
async fn estimate_that_cannot_be_made_says_why(server: &TestServer) {
    let acme = server.organization("acme").await;
    let other = server.organization("other").await;
    let admin = server.client(&acme, Role::Admin).await;
    let writer = server.client(&acme, Role::Writer).await;
    let answer = admin.send(ESTIMATE, json!({ "id": acme, "filter": { "search": "!" } })).await;
    let extensions =
        json!({ "code": "BAD_USER_INPUT", "argument": "source.auditLogs.filter.search" });
    assert_eq!(answer.body["errors"][0]["extensions"], extensions, "{answer:?}");
    assert_eq!(admin.error(ESTIMATE, json!({ "id": other })).await, "NOT_FOUND");
    assert_eq!(writer.error(ESTIMATE, json!({ "id": acme })).await, "FORBIDDEN");
}
