//! `auditLogHistogram` and `auditLogValues`, which an explorer shows beside the entries.

mod common_words;

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};

const HISTOGRAM: &str = "query($id: ID!, $filter: AuditLogFilter, $buckets: Int! = 4) {
    auditLogHistogram(organizationId: $id, filter: $filter, buckets: $buckets) {
        from to count capped
    }
}";
const VALUES: &str =
    "query($id: ID!, $facet: AuditLogFacet!, $prefix: String! = \"\", $first: Int! = 20) {
    auditLogValues(organizationId: $id, facet: $facet, prefix: $prefix, first: $first)
}";

/// Ten entries in each of the minutes 0, 1 and 3 of an hour, of which every fifth failed.
async fn fill(admin: &Client, organization: &str) {
    let entries = [0, 1, 3].into_iter().flat_map(|minute| {
        (0..10).map(move |second| {
            json!({
                "actor": { "id": "ada" },
                "action": format!("minute.{minute}"),
                "outcome": if second % 5 == 0 { "FAILURE" } else { "SUCCESS" },
                "resource": { "type": "clock", "id": "1" },
                "timestamp": format!("2026-02-13T10:{minute:02}:{second:02}Z"),
            })
        })
    });
    admin.record_entries(organization, json!(entries.collect::<Vec<_>>())).await;
}

async fn buckets(client: &Client, organization: &str, filter: Value, buckets: usize) -> Vec<Value> {
    let variables = json!({ "id": organization, "filter": filter, "buckets": buckets });
    let found = client.query(HISTOGRAM, variables).await;
    found["auditLogHistogram"].as_array().unwrap().clone()
}

fn counts(buckets: &[Value]) -> Vec<i64> {
    buckets.iter().map(|bucket| bucket["count"].as_i64().unwrap()).collect()
}

#[on_each_engine]
async fn histogram_counts_what_passes_in_equal_intervals(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    fill(&admin, &acme).await;
    let hour = json!({ "from": "2026-02-13T10:00:00Z", "to": "2026-02-13T10:04:00Z" });
    let found = buckets(&admin, &acme, hour.clone(), 4).await;
    assert_eq!(counts(&found), [10, 10, 0, 10]);
    assert_eq!(found[0]["from"], "2026-02-13T10:00:00.000000Z");
    assert_eq!(found[3]["to"], "2026-02-13T10:04:00.000000Z");
    assert!(found.windows(2).all(|pair| pair[0]["to"] == pair[1]["from"]));
    assert!(found.iter().all(|bucket| bucket["capped"] == false));

    let mut failed = hour.clone();
    failed["outcome"] = json!("FAILURE");
    assert_eq!(counts(&buckets(&admin, &acme, failed, 4).await), [2, 2, 0, 2]);
    let mut later = hour;
    later["action"] = json!("minute.3*");
    assert_eq!(counts(&buckets(&admin, &acme, later, 2).await), [0, 10]);
}

#[on_each_engine]
async fn absent_bounds_are_where_the_first_and_last_entries_are(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    fill(&admin, &acme).await;
    let found = buckets(&admin, &acme, json!({ "resourceType": "clock" }), 3).await;
    // Thirds of 189 seconds: the second begins three seconds into the second minute.
    assert_eq!(counts(&found), [13, 7, 10]);
    assert_eq!(found[0]["from"], "2026-02-13T10:00:00.000000Z");
    assert_eq!(found[2]["to"], "2026-02-13T10:03:09.000001Z");
    let one =
        json!({ "action": "minute.0", "outcome": "FAILURE", "to": "2026-02-13T10:00:00.000001Z" });
    // A range of a microsecond can't be cut.
    assert_eq!(counts(&buckets(&admin, &acme, one, 60).await), [1]);
    assert_eq!(counts(&buckets(&admin, &acme, json!({ "action": "none" }), 3).await), [0; 0]);
    let empty =
        json!({ "action": "none", "from": "2026-02-13T10:00:00Z", "to": "2026-02-13T11:00:00Z" });
    assert_eq!(counts(&buckets(&admin, &acme, empty, 3).await), [0; 3]);
}

#[on_each_engine]
async fn histogram_holds_what_the_count_says_whatever_the_number_of_buckets(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    fill(&admin, &acme).await;
    let total = admin
        .query(
            "query($id: ID!) { auditLogs(organizationId: $id) { totalCount } }",
            json!({ "id": acme }),
        )
        .await["auditLogs"]["totalCount"]
        .as_i64()
        .unwrap();
    for number in [1, 2, 7, 60, 200] {
        let found = buckets(&admin, &acme, json!({}), number).await;
        assert_eq!(found.len(), number);
        assert_eq!(counts(&found).iter().sum::<i64>(), total, "{number}");
    }
}

#[on_each_engine]
async fn histogram_refuses_what_it_cannot_do_by_name(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for (variables, argument) in [
        (json!({ "id": acme, "buckets": 0 }), "buckets"),
        (json!({ "id": acme, "buckets": -1 }), "buckets"),
        (json!({ "id": acme, "buckets": 201 }), "buckets"),
        (json!({ "id": acme, "filter": { "action": "" } }), "action"),
        (
            json!({ "id": acme, "filter": {
            "from": "2026-02-13T11:00:00Z", "to": "2026-02-13T10:00:00Z",
        } }),
            "to",
        ),
    ] {
        let answer = admin.send(HISTOGRAM, variables.clone()).await;
        let error = &answer.body["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{variables}");
        assert!(error.to_string().contains(argument), "{error}");
    }
}

#[on_each_engine]
async fn values_are_distinct_in_order_and_begin_with_the_prefix(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    fill(&admin, &acme).await;
    let values = async |facet: &str, prefix: &str, first: usize| {
        let variables = json!({ "id": acme, "facet": facet, "prefix": prefix, "first": first });
        admin.query(VALUES, variables).await["auditLogValues"].clone()
    };
    assert_eq!(values("ACTION", "minute.", 20).await, json!(["minute.0", "minute.1", "minute.3"]));
    assert_eq!(values("ACTION", "minute.", 2).await, json!(["minute.0", "minute.1"]));
    assert_eq!(values("ACTION", "minute.3", 20).await, json!(["minute.3"]));
    assert_eq!(values("ACTION", "Minute", 20).await, json!([]));
    assert_eq!(values("ACTION", "%", 20).await, json!([]));
    assert_eq!(values("RESOURCE_TYPE", "cl", 20).await, json!(["clock"]));
    for first in [0, 101] {
        let variables = json!({ "id": acme, "facet": "ACTION", "first": first });
        assert_eq!(admin.error(VALUES, variables).await, "BAD_USER_INPUT");
    }
    let variables = json!({ "id": acme, "facet": "ACTION", "prefix": "a\0" });
    assert_eq!(admin.error(VALUES, variables).await, "BAD_USER_INPUT");
}

#[on_each_engine]
async fn activity_is_for_those_who_may_read_the_log(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    fill(&admin, &acme).await;
    let member = server.client(&acme, Role::Member).await;
    let initech = server.organization("initech").await;
    let stranger = server.client(&initech, Role::Auditor).await;
    for (query, variables) in
        [(HISTOGRAM, json!({ "id": acme })), (VALUES, json!({ "id": acme, "facet": "ACTION" }))]
    {
        assert_eq!(member.error(query, variables.clone()).await, "FORBIDDEN");
        assert_eq!(stranger.error(query, variables).await, "NOT_FOUND");
    }
    // Nothing of another organization's log in one's own.
    let variables = json!({ "id": initech, "facet": "ACTION", "prefix": "minute" });
    assert_eq!(stranger.query(VALUES, variables).await["auditLogValues"], json!([]));
    let clocks = buckets(&stranger, &initech, json!({ "resourceType": "clock" }), 3).await;
    assert_eq!(counts(&clocks), [0; 0]);
}
