//! Recordings of which some entries are invalid: all are refused, or the valid ones are recorded.

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, entry, json, on_each_engine};

const RECORD: &str = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) {
    auditLogs { id action } results { auditLog { id action } userErrors { code path } } replayed
    userErrors { code path } } }";

async fn record(client: &Client, input: Value) -> Value {
    client.query(RECORD, json!({ "input": input })).await["recordAuditLogs"].clone()
}

/// A third of them invalid, each in another way.
fn mixed() -> Vec<Value> {
    let entries = (0..999).map(|index| {
        let mut entry = entry(&format!("mixed.{index}"));
        match index {
            index if index % 3 != 1 => {}
            index if index % 4 == 0 => entry["timestamp"] = json!("2026-02-30T00:00:00Z"),
            index if index % 4 == 1 => entry["actor"]["id"] = json!(""),
            index if index % 4 == 2 => entry["metadata"] = json!({ "extra": ["\0"] }),
            _ => entry["resource"]["name"] = json!("x".repeat(501)),
        }
        entry
    });
    entries.collect()
}

#[on_each_engine]
async fn valid_entries_are_recorded_and_each_other_says_why_not(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let input = json!({ "organizationId": acme, "entries": mixed(), "onInvalid": "SKIP", "idempotencyKey": "k" });
    let payload = record(&admin, input.clone()).await;
    assert_eq!(payload["userErrors"], json!([]));
    let results = payload["results"].as_array().unwrap();
    assert_eq!((results.len(), payload["auditLogs"].as_array().unwrap().len()), (999, 666));
    for (index, result) in results.iter().enumerate() {
        if index % 3 != 1 {
            assert_eq!(result["auditLog"]["action"], format!("mixed.{index}"));
            assert_eq!(result["userErrors"], json!([]));
            continue;
        }
        assert_eq!(result["auditLog"], Value::Null);
        let field: &[&str] = match index % 4 {
            0 => &["timestamp"],
            1 => &["actor", "id"],
            2 => &["metadata", "extra", "0"],
            _ => &["resource", "name"],
        };
        let index = index.to_string();
        let path = [&["entries", index.as_str()], field].concat();
        assert_eq!(result["userErrors"][0]["path"], json!(path), "{result}");
    }
    // The same request again records nothing, and says the same.
    let again = record(&admin, input).await;
    assert_eq!((&again["results"], &again["replayed"]), (&payload["results"], &json!(true)));
    let other = json!({ "organizationId": acme, "entries": [entry("other")], "onInvalid": "SKIP", "idempotencyKey": "k" });
    assert_eq!(record(&admin, other).await["userErrors"][0]["code"], "CONFLICT");
    let count = "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"mixed.*\" }) { totalCount } }";
    let count = admin.query(count, json!({ "id": acme })).await["auditLogs"]["totalCount"].clone();
    assert_eq!(count, 666);
}

#[on_each_engine]
async fn all_are_refused_unless_it_is_asked_for(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for on_invalid in [json!(null), json!("REFUSE_ALL")] {
        let input = json!({ "organizationId": acme, "entries": mixed(), "onInvalid": on_invalid });
        let payload = record(&admin, input).await;
        assert_eq!((&payload["auditLogs"], &payload["results"]), (&json!([]), &json!([])));
        assert_eq!(payload["userErrors"].as_array().unwrap().len(), 20, "the first of them");
    }
    let invalid: Vec<_> = mixed().into_iter().skip(1).step_by(3).collect();
    let input = json!({ "organizationId": acme, "entries": invalid, "onInvalid": "SKIP", "idempotencyKey": "none" });
    let payload = record(&admin, input).await;
    assert_eq!((&payload["auditLogs"], &payload["userErrors"]), (&json!([]), &json!([])));
    assert!(
        payload["results"].as_array().unwrap().iter().all(|result| result["auditLog"].is_null())
    );
    let none = json!({ "organizationId": acme, "entries": [], "onInvalid": "SKIP" });
    assert_eq!(record(&admin, none).await["userErrors"][0]["path"], json!(["entries"]));
}
