//! `recordAuditLogs` records all entries or none, in order, unchanged, and once for each key.

use std::collections::HashSet;

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, entry, json, on_each_engine};
use futures::future::join_all;

const RECORD: &str = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) {
    auditLogs { ...whole } replayed userErrors { code message path }
} }
fragment whole on AuditLog {
    id sequence timestamp recordedAt recordedBy hash
    actor { externalId type email name } onBehalfOf { externalId type email name } action outcome
    resource { type externalId name } relatedResources { type externalId name }
    changes { field old new } metadata { ipAddress userAgent requestId extra }
}";

const LOG: &str = "query($id: ID!, $after: String) {
    auditLogs(organizationId: $id, orderBy: RECORDED_ASC, first: 100, after: $after) {
        totalCount pageInfo { endCursor hasNextPage } nodes { ...whole }
    }
}
fragment whole on AuditLog {
    id sequence timestamp recordedAt recordedBy hash
    actor { externalId type email name } onBehalfOf { externalId type email name } action outcome
    resource { type externalId name } relatedResources { type externalId name }
    changes { field old new } metadata { ipAddress userAgent requestId extra }
}";

async fn record(client: &Client, organization: &str, entries: Value, key: Option<&str>) -> Value {
    let input =
        json!({ "organizationId": organization, "entries": entries, "idempotencyKey": key });
    client.query(RECORD, json!({ "input": input })).await["recordAuditLogs"].clone()
}

/// The whole log, oldest first.
async fn log(client: &Client, organization: &str) -> Vec<Value> {
    let (mut entries, mut after) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({ "id": organization, "after": after });
        let page = client.query(LOG, variables).await["auditLogs"].clone();
        entries.extend(page["nodes"].as_array().unwrap().clone());
        if page["pageInfo"]["hasNextPage"] == false {
            assert_eq!(page["totalCount"], entries.len());
            return entries;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

fn sequences(entries: &[Value]) -> Vec<usize> {
    entries.iter().map(|entry| entry["sequence"].as_str().unwrap().parse().unwrap()).collect()
}

fn plain(count: usize) -> Value {
    (0..count).map(|index| entry(&format!("test.{index}"))).collect()
}

#[on_each_engine]
async fn thousand_entries_are_answered_and_stored_in_the_order_given(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = log(&admin, &acme).await.len();
    let payload = record(&admin, &acme, plain(1_000), None).await;
    assert_eq!((&payload["replayed"], &payload["userErrors"]), (&json!(false), &json!([])));
    let answered = payload["auditLogs"].as_array().unwrap();
    let expected: Vec<_> = (before + 1..=before + 1_000).collect();
    assert_eq!(sequences(answered), expected);
    let actions: Vec<_> = answered.iter().map(|entry| entry["action"].clone()).collect();
    let given: Vec<_> = (0..1_000).map(|index| json!(format!("test.{index}"))).collect();
    assert_eq!(actions, given);
    assert!(answered.iter().all(|entry| entry["recordedBy"] == "admin"));
    // What was answered is what is there, to the last field.
    assert_eq!(&log(&admin, &acme).await[before..], &answered[..]);
}

#[on_each_engine]
async fn number_of_entries_out_of_bounds_is_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = log(&admin, &acme).await;
    for (count, code) in [(0, "INVALID"), (1_001, "TOO_LARGE")] {
        let payload = record(&admin, &acme, plain(count), None).await;
        assert_eq!(payload["auditLogs"], json!([]));
        assert_eq!(payload["userErrors"].as_array().unwrap().len(), 1);
        assert_eq!(payload["userErrors"][0]["code"], code);
        assert_eq!(payload["userErrors"][0]["path"], json!(["entries"]));
    }
    assert_eq!(log(&admin, &acme).await, before);
}

#[on_each_engine]
async fn one_bad_entry_keeps_the_others_out(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = log(&admin, &acme).await;
    let mut entries = plain(1_000);
    entries[997]["action"] = json!("x".repeat(201));
    let payload = record(&admin, &acme, entries.clone(), Some("key")).await;
    assert_eq!(payload["userErrors"][0]["path"], json!(["entries", "997", "action"]));
    assert_eq!(log(&admin, &acme).await, before);
    // Nor did the refused recording use its key up.
    entries[997]["action"] = json!("good");
    let payload = record(&admin, &acme, entries, Some("key")).await;
    assert_eq!((&payload["replayed"], &payload["userErrors"]), (&json!(false), &json!([])));
    assert_eq!(log(&admin, &acme).await.len(), before.len() + 1_000);
}

#[on_each_engine]
async fn values_come_back_exactly_as_given(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let text =
        "Zoë \"Ada\" O'Hara, 陳大文 👩🏽‍🚀 e\u{301} \\n\n\r\n\t$1 %s -- ; \u{202e}\u{feff}\u{7f}\u{1} ";
    let nested = json!({
        "": null, "null": null, "text": text, "key \"quoted\"\n🔑": [[], {}, [null, [1]]],
        "exact": [9_007_199_254_740_993_i64, u64::MAX, i64::MIN, 0, -1, 0.1, -1.5e-300, 1.7e-7],
        "flags": [true, false], "text that looks like a number": "1e400",
    });
    let full = json!({
        "timestamp": "2026-02-13T10:30:00.123456Z",
        "actor": { "id": text, "type": "SERVICE", "email": "zoë@exämple.test", "name": text },
        "action": "device.assign\u{e9}",
        "outcome": "FAILURE",
        "onBehalfOf": { "id": text, "type": "USER", "email": null, "name": text },
        "resource": { "type": text, "id": text, "name": text },
        "relatedResources": [
            { "type": "device", "id": text, "name": null },
            { "type": text, "id": "2", "name": text },
        ],
        "changes": [
            { "field": text, "old": nested, "new": [nested] },
            { "field": "a", "old": "", "new": "null" },
            { "field": "a", "old": false, "new": 0 },
        ],
        "metadata": { "ipAddress": "fe80::1%eth0", "userAgent": text, "requestId": text, "extra": nested },
    });
    let mut system = full.clone();
    system["actor"]["type"] = json!("AGENT");
    system["outcome"] = json!("DENIED");
    system["metadata"]["extra"] = json!([]);
    let payload = record(&admin, &acme, json!([full, system]), None).await;
    assert_eq!(payload["userErrors"], json!([]));
    let stored = log(&admin, &acme).await;
    for (stored, given) in stored[stored.len() - 2..].iter().zip([full, system]) {
        for (field, value) in given.as_object().unwrap() {
            assert_eq!(without_external(&stored[field]), *value, "{field}");
        }
    }
}

/// Returns an answer with its external IDs under the name that they have in inputs.
fn without_external(answer: &Value) -> Value {
    serde_json::from_str(&answer.to_string().replace("\"externalId\":", "\"id\":")).unwrap()
}

#[on_each_engine]
async fn absent_and_null_are_the_same(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let least = json!({
        "actor": { "id": "a" }, "action": "b", "resource": { "type": "c", "id": "d" },
        "changes": [{ "field": "e" }], "metadata": {},
    });
    let nulls = json!({
        "timestamp": null, "outcome": null,
        "actor": { "id": "a", "type": null, "email": null, "name": null }, "action": "b",
        "onBehalfOf": null, "resource": { "type": "c", "id": "d", "name": null }, "relatedResources": null,
        "changes": [{ "field": "e", "old": null, "new": null }],
        "metadata": { "ipAddress": null, "userAgent": null, "requestId": null, "extra": null },
    });
    let mut none = least.clone();
    none["changes"] = Value::Null;
    none["metadata"] = Value::Null;
    let payload = record(&admin, &acme, json!([least, nulls, none]), None).await;
    assert_eq!(payload["userErrors"], json!([]));
    let metadata =
        json!({ "ipAddress": null, "userAgent": null, "requestId": null, "extra": null });
    for (index, stored) in payload["auditLogs"].as_array().unwrap().iter().enumerate() {
        assert_eq!(stored["timestamp"], stored["recordedAt"]);
        assert_eq!(stored["outcome"], "SUCCESS");
        let actor = json!({ "externalId": "a", "type": "USER", "email": null, "name": null });
        assert_eq!(stored["actor"], actor);
        assert_eq!(stored["resource"], json!({ "type": "c", "externalId": "d", "name": null }));
        assert_eq!(
            [&stored["onBehalfOf"], &stored["relatedResources"]],
            [&Value::Null, &json!([])]
        );
        let change = json!([{ "field": "e", "old": null, "new": null }]);
        assert_eq!(stored["changes"], if index < 2 { change } else { json!([]) });
        assert_eq!(stored["metadata"], metadata);
    }
    assert_eq!(log(&admin, &acme).await[2..], payload["auditLogs"].as_array().unwrap()[..]);
}

#[on_each_engine]
async fn timestamps_are_kept_to_the_microsecond_in_utc(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let times = [
        ("2026-02-13T10:30:00.123456+05:30", "2026-02-13T05:00:00.123456Z"),
        ("2026-02-13T23:59:59-14:00", "2026-02-14T13:59:59.000000Z"),
        ("2026-02-13t10:30:00.1z", "2026-02-13T10:30:00.100000Z"),
        ("2026-02-13T10:30:00.000001Z", "2026-02-13T10:30:00.000001Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000000Z"),
        ("1582-10-10T00:00:00Z", "1582-10-10T00:00:00.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ];
    let entries: Value = times
        .iter()
        .map(|(given, _)| {
            let mut entry = entry("time");
            entry["timestamp"] = json!(given);
            entry
        })
        .collect();
    let payload = record(&admin, &acme, entries, None).await;
    assert_eq!(payload["userErrors"], json!([]));
    let stored = log(&admin, &acme).await;
    let stored =
        stored[stored.len() - times.len()..].iter().map(|entry| entry["timestamp"].clone());
    let expected: Vec<_> = times.iter().map(|(_, expected)| json!(expected)).collect();
    assert_eq!(stored.collect::<Vec<_>>(), expected);
}

#[on_each_engine]
async fn repeated_key_appends_nothing_and_gives_the_first_answer(server: &TestServer) {
    let acme = server.organization("acme").await;
    let other = server.organization("other").await;
    let admin = server.client(&acme, Role::Admin).await;
    server.client(&other, Role::Admin).await;
    let key = "\"key\" 🔑.".repeat(25);
    assert_eq!(key.chars().count(), 200);
    let first = record(&admin, &acme, plain(3), Some(&key)).await;
    assert_eq!(first["replayed"], false);
    admin.record(&acme, 2).await;
    let before = log(&admin, &acme).await;
    let second = record(&admin, &acme, plain(3), Some(&key)).await;
    assert_eq!(second["replayed"], true);
    assert_eq!(second["userErrors"], json!([]));
    assert_eq!(second["auditLogs"], first["auditLogs"]);

    let mut others = plain(3);
    others[2]["actor"]["name"] = json!("Ada");
    for entries in [others, plain(2), plain(4)] {
        let conflict = record(&admin, &acme, entries, Some(&key)).await;
        assert_eq!((&conflict["auditLogs"], &conflict["replayed"]), (&json!([]), &json!(false)));
        assert_eq!(conflict["userErrors"][0]["code"], "CONFLICT");
        assert_eq!(conflict["userErrors"][0]["path"], json!(["idempotencyKey"]));
    }
    assert_eq!(log(&admin, &acme).await, before);
    // Keys of another organization are others.
    assert_eq!(record(&admin, &other, plain(3), Some(&key)).await["replayed"], false);
}

#[on_each_engine]
async fn key_out_of_bounds_is_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = log(&admin, &acme).await;
    for key in ["", "a\0b", &"k".repeat(201)] {
        let payload = record(&admin, &acme, plain(1), Some(key)).await;
        assert_eq!(payload["userErrors"][0]["path"], json!(["idempotencyKey"]), "{key:?}");
    }
    assert_eq!(log(&admin, &acme).await, before);
}

#[on_each_engine]
async fn key_used_fifty_times_at_once_appends_once(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = log(&admin, &acme).await.len();
    for round in 0..4 {
        let key = format!("round {round}");
        let requests = (0..50).map(|_| record(&admin, &acme, plain(5), Some(&key)));
        let payloads = join_all(requests).await;
        assert!(payloads.iter().all(|payload| payload["userErrors"] == json!([])));
        let first = payloads.iter().filter(|payload| payload["replayed"] == false).count();
        assert_eq!(first, 1, "recordings that were the first");
        let answers: HashSet<_> =
            payloads.iter().map(|payload| payload["auditLogs"].to_string()).collect();
        assert_eq!(answers.len(), 1, "different answers");
    }
    assert_eq!(log(&admin, &acme).await.len(), before + 4 * 5);
}

#[on_each_engine]
async fn foreign_and_absent_organization_look_alike(server: &TestServer) {
    let acme = server.organization("acme").await;
    let foreign = server.organization("foreign").await;
    let admin = server.client(&acme, Role::Admin).await;
    let owner = server.client_of("owner");
    server.set_member(&foreign, "owner", Role::Admin).await;
    let before = log(&owner, &foreign).await;
    let absent = daybook_service::GlobalId::Organization(uuid::Uuid::from_u128(7)).to_string();
    let refused = record(&admin, &absent, plain(1), None).await;
    assert_eq!(refused["auditLogs"], json!([]));
    assert_eq!(refused["userErrors"][0]["code"], "NOT_FOUND");
    assert_eq!(refused["userErrors"][0]["path"], json!(["organizationId"]));
    assert_eq!(record(&admin, &foreign, plain(1), None).await, refused);
    // Whatever else is wrong with the entries is not told either.
    assert_eq!(record(&admin, &foreign, plain(0), Some("")).await, refused);
    assert_eq!(log(&owner, &foreign).await, before);
}
