//! Instants are accepted exactly or refused with field and reason, in every place that takes one.

use std::time::Duration;

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, binary, entry, json, on_each_engine};

const COUNT: &str = "query($id: ID!, $filter: AuditLogFilter) {
    auditLogs(organizationId: $id, filter: $filter) { totalCount }
}";
const HISTOGRAM: &str = "query($id: ID!, $filter: AuditLogFilter, $buckets: Int! = 60) {
    auditLogHistogram(organizationId: $id, filter: $filter, buckets: $buckets) { from to count capped }
}";
const ESTIMATE: &str = "query($id: ID!, $filter: AuditLogFilter) {
    exportEstimate(organizationId: $id, source: { auditLogs: { filter: $filter } }) { recordCount }
}";
const JOBS: &str = "query($id: ID!, $filter: JobFilter) { jobs(organizationId: $id, filter: $filter) { totalCount } }";
const TAIL: &str = "subscription($id: ID!, $filter: AuditLogFilter) {
    auditLogRecorded(organizationId: $id, filter: $filter) { cursor }
}";

/// Texts that are not instants, each with a word of the reason.
const REFUSED: [(&str, &str); 12] = [
    ("2026-02-13T10:30:00.1234567Z", "six digits"),
    ("2026-02-13T10:30:00.0000000Z", "six digits"),
    ("9999-12-31T23:59:59.9999999Z", "six digits"),
    ("2016-12-31T23:59:60Z", "leap second"),
    ("2017-01-01T05:29:60.5+05:30", "leap second"),
    ("0000-12-31T23:59:59Z", "years 1 and 9999"),
    ("9999-12-31T23:59:59-00:01", "years 1 and 9999"),
    ("10000-01-01T00:00:00Z", "RFC 3339"),
    ("2026-02-13T10:30:00+24:00", "RFC 3339"),
    ("2026-02-13T10:30:00", "RFC 3339"),
    ("2026-02-30T10:30:00Z", "RFC 3339"),
    ("yesterday", "RFC 3339"),
];

fn at(timestamp: &str) -> Value {
    let mut entry = entry("tick");
    entry["timestamp"] = json!(timestamp);
    entry
}

/// The first error's message, where it names `argument`.
fn message(answer: &Value, argument: &str) -> String {
    let error = &answer["errors"][0];
    let extensions = json!({ "code": "BAD_USER_INPUT", "argument": argument });
    assert_eq!(error["extensions"], extensions, "{answer}");
    let text = error["message"].as_str().unwrap();
    text.strip_prefix(&format!("{argument}: ")).unwrap().to_owned()
}

async fn count(client: &Client, organization: &str, filter: Value) -> i64 {
    let found = client.query(COUNT, json!({ "id": organization, "filter": filter })).await;
    found["auditLogs"]["totalCount"].as_i64().unwrap()
}

async fn buckets(client: &Client, organization: &str, filter: Value, buckets: usize) -> Vec<Value> {
    let variables = json!({ "id": organization, "filter": filter, "buckets": buckets });
    let found = client.query(HISTOGRAM, variables).await;
    found["auditLogHistogram"].as_array().unwrap().clone()
}

/// Every problem that the answers to this instant name, each with the field that it is given in.
async fn refusals(server: &TestServer, admin: &Client, acme: &str, text: &str) -> Vec<String> {
    let mut messages = Vec::new();
    let payload = admin.record_entries(acme, json!([entry("good"), at(text)])).await;
    assert_eq!(payload["auditLogs"], json!([]), "{payload}");
    assert_eq!(payload["userErrors"][0]["path"], json!(["entries", "1", "timestamp"]), "{payload}");
    messages.push(payload["userErrors"][0]["message"].as_str().unwrap().to_owned());
    let payload = admin.create_api_key(acme, "WRITER", json!({ "expiresAt": text })).await;
    assert_eq!(payload["userErrors"][0]["path"], json!(["expiresAt"]), "{payload}");
    messages.push(payload["userErrors"][0]["message"].as_str().unwrap().to_owned());
    for bound in ["from", "to"] {
        let filter = json!({ bound: text });
        let variables = json!({ "id": acme, "filter": filter });
        for (query, root) in [(COUNT, ""), (HISTOGRAM, ""), (ESTIMATE, "source.auditLogs.")] {
            let answer = admin.send(query, variables.clone()).await.body;
            messages.push(message(&answer, &format!("{root}filter.{bound}")));
        }
        let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
        socket.subscribe("1", TAIL, variables).await;
        messages.push(message(&socket.next().await["payload"], &format!("filter.{bound}")));
        let request = crate::exports::input(acme, &filter, "RECORDED_ASC", "CSV");
        let payload = admin.start_export(request).await;
        let path = json!(["source", "auditLogs", "filter", bound]);
        assert_eq!(payload["userErrors"][0]["path"], path, "{payload}");
        messages.push(payload["userErrors"][0]["message"].as_str().unwrap().to_owned());
    }
    for bound in ["createdFrom", "createdTo"] {
        let variables = json!({ "id": acme, "filter": { bound: text } });
        messages.push(message(&admin.send(JOBS, variables).await.body, &format!("filter.{bound}")));
    }
    let written = format!(
        "{{ auditLogs(organizationId: \"{acme}\", filter: {{ from: \"{text}\" }}) {{ totalCount }} }}"
    );
    messages.push(message(&admin.send(&written, json!({})).await.body, "filter.from"));
    messages
}

/// The problem that `daybook import` names with a line of this instant.
fn import_refusal(server: &TestServer, text: &str) -> String {
    let file = server.folder().join("bad.jsonl");
    std::fs::write(&file, format!("{}\n", at(text))).unwrap();
    let mut command = binary::daybook_of(server);
    let output =
        command.args(["import", "audit-logs", "--organization", "acme"]).arg(file).output();
    let output = output.unwrap();
    assert!(!output.status.success());
    let error = binary::stderr(&output);
    let (_, reason) = error.split_once("line 1: timestamp: ").unwrap_or_else(|| panic!("{error}"));
    reason.trim_end().to_owned()
}

#[on_each_engine]
async fn what_cannot_be_kept_is_refused_alike_wherever_it_is_given(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = count(&admin, &acme, json!({})).await;
    for (text, reason) in REFUSED {
        let messages = refusals(server, &admin, &acme, text).await;
        assert!(messages[0].contains(reason), "{text}: {messages:?}");
        assert!(messages.iter().all(|message| *message == messages[0]), "{text}: {messages:?}");
    }
    for (text, _) in [REFUSED[0], REFUSED[3], REFUSED[5], REFUSED[11]] {
        let refused = refusals(server, &admin, &acme, text).await;
        let imported = import_refusal(server, text);
        assert!(imported.starts_with(&refused[0]), "{imported}");
    }
    assert_eq!(count(&admin, &acme, json!({})).await, before);
}

#[on_each_engine]
async fn what_is_recorded_is_found_by_the_same_text(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let texts = [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "2016-12-31T23:59:59.999999-00:00",
        "2026-02-13t10:30:00.123456z",
        "2026-02-13T10:30:00.123457+05:30",
        "2026-02-13 10:30:00.5+23:59",
        "9999-12-31T23:59:59.999999Z",
    ];
    for text in texts {
        let before = count(&admin, &acme, json!({ "action": "tick", "from": text })).await;
        let earlier = count(&admin, &acme, json!({ "action": "tick", "to": text })).await;
        let payload = admin.record_entries(&acme, json!([at(text)])).await;
        assert_eq!(payload["userErrors"], json!([]), "{text}");
        assert_eq!(
            count(&admin, &acme, json!({ "action": "tick", "from": text })).await,
            before + 1,
            "{text}"
        );
        assert_eq!(
            count(&admin, &acme, json!({ "action": "tick", "to": text })).await,
            earlier,
            "{text}"
        );
    }
}

#[on_each_engine]
async fn histogram_holds_the_first_and_the_last_instant_that_there_is(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let (first, last) = ("0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z");
    let entries = [first, "2026-02-13T10:30:00Z", last, last].map(at);
    admin.record_entries(&acme, json!(entries)).await;
    for number in [1, 2, 7, 60, 200] {
        for search in [Value::Null, json!("TICK")] {
            let filter = json!({ "action": "tick", "search": search });
            let found = buckets(&admin, &acme, filter, number).await;
            assert_eq!(found.len(), number);
            let sum: i64 = found.iter().map(|bucket| bucket["count"].as_i64().unwrap()).sum();
            assert_eq!(sum, 4, "{found:?}");
            assert_eq!(
                (&found[0]["from"], &found[number - 1]["to"]),
                (&json!(first), &json!(last))
            );
            assert!(found[number - 1]["count"].as_i64() >= Some(2), "{found:?}");
        }
    }
    // The last instant alone, from where on there is no other.
    let found = buckets(&admin, &acme, json!({ "action": "tick", "from": last }), 60).await;
    assert_eq!(found, [json!({ "from": last, "to": last, "count": 2, "capped": false })]);
    let bounded = json!({ "action": "tick", "from": "9999-12-31T23:59:59.999998Z", "to": last });
    let found = buckets(&admin, &acme, bounded, 60).await;
    assert_eq!(
        found,
        [json!({ "from": "9999-12-31T23:59:59.999998Z", "to": last, "count": 0, "capped": false })]
    );
    let microsecond =
        json!({ "action": "tick", "from": first, "to": "0001-01-01T00:00:00.000001Z" });
    let found = buckets(&admin, &acme, microsecond, 60).await;
    assert_eq!(
        found,
        [
            json!({ "from": first, "to": "0001-01-01T00:00:00.000001Z", "count": 1, "capped": false })
        ]
    );
}

#[on_each_engine]
async fn histogram_of_bounds_beside_the_entries_is_empty_or_all_zeros(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let (before, tick, after) =
        ("2026-02-13T10:00:00Z", "2026-02-13T10:30:00Z", "2026-02-13T11:00:00Z");
    admin.record_entries(&acme, json!([at(tick)])).await;
    let found = async |filter: Value| {
        let mut all = json!({ "action": "tick" });
        all.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
        let found = buckets(&admin, &acme, all, 3).await;
        found.iter().map(|bucket| bucket["count"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(found(json!({ "from": tick, "to": tick })).await, [0; 0]);
    assert_eq!(found(json!({ "from": after })).await, [0; 0]);
    assert_eq!(found(json!({ "to": before })).await, [0; 0]);
    assert_eq!(found(json!({ "from": after, "to": "2026-02-13T12:00:00Z" })).await, [0; 3]);
    assert_eq!(found(json!({ "from": before, "to": tick })).await, [0; 3]);
    assert_eq!(found(json!({ "from": before })).await, [0, 0, 1]);
    assert_eq!(found(json!({ "to": after })).await, [1, 0, 0]);
}

#[on_each_engine]
async fn time_of_recording_never_runs_backwards(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let recorded_at = async || {
        let payload = admin.record_entries(&acme, json!([entry("tick")])).await;
        let entry = &payload["auditLogs"][0];
        assert_eq!(entry["timestamp"], entry["recordedAt"]);
        entry["recordedAt"].as_str().unwrap().to_owned()
    };
    let first = recorded_at().await;
    server.clock.set_back(Duration::from_secs(600));
    assert_eq!(recorded_at().await, first);
    assert_eq!(recorded_at().await, first);
    // Another organization's log has its own last entry.
    let other = server.organization("other").await;
    server.set_member(&other, "admin", Role::Admin).await;
    let payload = admin.record_entries(&other, json!([entry("tick")])).await;
    assert!(*payload["auditLogs"][0]["recordedAt"].as_str().unwrap() < *first);
    server.clock.advance(Duration::from_secs(600));
    assert!(recorded_at().await > first, "the clock has caught up");
}

#[on_each_engine]
async fn clock_that_is_behind_is_told_once(server: &TestServer) {
    let acme = server.organization("acme").await;
    server.client(&acme, Role::Admin).await;
    server.clock.advance(Duration::from_secs(3_600));
    let admin = server.client_of("admin");
    let payload = admin.record_entries(&acme, json!([entry("tick")])).await;
    let last = payload["auditLogs"][0]["recordedAt"].clone();
    // Another process, whose clock is that of the machine, with several transactions.
    let file = server.folder().join("entries.jsonl");
    let lines: Vec<_> =
        (0..2_500).map(|number| entry(&format!("line.{number}")).to_string()).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let mut command = binary::daybook_of(server);
    let output = command
        .args(["import", "audit-logs", "--organization", "acme"])
        .arg(file)
        .output()
        .unwrap();
    let told = binary::stderr(&output);
    assert!(output.status.success(), "{told}");
    assert_eq!(told.matches("behind the log's last entry").count(), 1, "{told}");
    assert!(told.contains("behind_seconds=35") || told.contains("behind_seconds=36"), "{told}");
    let newest = "query($id: ID!) { auditLogs(organizationId: $id, first: 1) { nodes { action recordedAt } } }";
    let newest = admin.query(newest, json!({ "id": acme })).await["auditLogs"]["nodes"][0].clone();
    assert_eq!(newest, json!({ "action": "line.2499", "recordedAt": last }));
}
