//! JSON values come back as they were given: from the API, in files, and after an import.

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};

use crate::exports::{export, input};

/// JSON values that a reader into numbers and maps would change.
const VALUES: [&str; 12] = [
    "9007199254740993",
    "-0",
    "1.50",
    "1e2",
    "0.1000000000000000055511151231257827",
    "123456789012345678901234567890",
    r#"{"z":1,"a":{"10":0,"9":0},"m":[1.0,{"b":-0.0,"a":1E+2}]}"#,
    r#""\u00e9 \/ é \ud83d\ude00""#,
    r#"{"\u0061":"\t"}"#,
    r#"{"$serde_json::private::RawValue":"1","$serde_json::private::Number":"2"}"#,
    r#"[[],{},"",null,true]"#,
    "1e-400",
];

const RECORD: &str = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) {
    auditLogs { changes { old new } metadata { extra } } userErrors { code message path } } }";

/// Returns the body of a recording of an entry with `old`, `new` and `extra`, as text.
fn body(organization: &str, [old, new, extra]: [&str; 3]) -> String {
    let head = json!({ "query": RECORD }).to_string();
    format!(
        r#"{},"variables":{{"input":{{"organizationId":"{organization}","entries":[{{
            "actor":{{"id":"ada"}},"action":"json.kept","resource":{{"type":"t","id":"i"}},
            "changes":[{{"field":"f","old": {old} ,"new":{new}}}],"metadata":{{"extra":{extra}}}
        }}]}}}}}}"#,
        head.strip_suffix('}').unwrap()
    )
}

async fn post(server: &TestServer, client: &Client, body: String) -> String {
    let request = reqwest::Client::new().post(server.url("/graphql")).body(body);
    let request = request.header("content-type", "application/json");
    let request = request.bearer_auth(client.token.as_deref().unwrap());
    request.send().await.unwrap().text().await.unwrap()
}

#[on_each_engine]
async fn values_come_back_as_their_text(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let list = "query($id: ID!) { auditLogs(organizationId: $id, first: 1) {
        nodes { changes { old new } metadata { extra } } } }";
    let list = json!({ "query": list, "variables": { "id": acme } }).to_string();
    for (index, value) in VALUES.iter().enumerate() {
        let other = VALUES[(index + 1) % VALUES.len()];
        let expected = format!(
            r#"{{"changes":[{{"old":{value},"new":{other}}}],"metadata":{{"extra":{value}}}}}"#
        );
        let payload = post(server, &admin, body(&acme, [value, other, value])).await;
        assert!(payload.contains(&expected), "{payload}");
        let page = post(server, &admin, list.clone()).await;
        assert!(page.contains(&expected), "{page}");
    }
    let filter = json!({ "action": "json.kept" });
    let file = export(&admin, input(&acme, &filter, "RECORDED_ASC", "JSONL")).await;
    let lines = String::from_utf8(file.bytes).unwrap();
    assert_eq!(lines.lines().count(), VALUES.len());
    for (index, line) in lines.lines().enumerate() {
        let (value, other) = (VALUES[index], VALUES[(index + 1) % VALUES.len()]);
        let change = format!(r#""changes":[{{"field":"f","old":{value},"new":{other}}}]"#);
        assert!(line.contains(&change) && line.contains(&format!(r#""extra":{value}"#)), "{line}");
    }
    let file = export(&admin, input(&acme, &filter, "RECORDED_ASC", "CSV")).await;
    let mut rows = csv::Reader::from_reader(&file.bytes[..]);
    let extra = rows.headers().unwrap().iter().position(|name| name == "extra").unwrap();
    let cells: Vec<String> = rows.records().map(|row| row.unwrap()[extra].to_owned()).collect();
    assert_eq!(cells, VALUES);
}

#[on_each_engine]
async fn what_can_not_come_back_is_refused_by_its_path(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for (value, path, words) in [
        (r#"{"a":[1,1e999]}"#, json!(["a", "1"]), "beyond the range"),
        (r#"{"a":{"b":1,"b":2}}"#, json!(["a", "b"]), "twice"),
        (r#"[{"x":"\ud800"}]"#, json!(["0", "x"]), "half of a surrogate pair"),
        (r#"{"x":"\u0000"}"#, json!(["x"]), "NUL"),
    ] {
        for (place, values) in [
            (json!(["entries", "0", "metadata", "extra"]), ["1", "1", value]),
            (json!(["entries", "0", "changes", "0", "new"]), ["1", value, "1"]),
        ] {
            let answer: Value =
                serde_json::from_str(&post(server, &admin, body(&acme, values)).await).unwrap();
            let problems = &answer["data"]["recordAuditLogs"]["userErrors"];
            let path = [place.as_array().unwrap().clone(), path.as_array().unwrap().clone()];
            assert_eq!(problems[0]["path"], json!(path.concat()), "{answer}");
            assert!(problems[0]["message"].as_str().unwrap().contains(words), "{answer}");
        }
    }
    // Texts that are no JSON values are read with their types.
    let texts = body(&acme, ["1", "1", "1"]);
    for (bad, words) in [
        (r#""id":"a\udc00da""#, "$input.entries[0].actor.id: has an escape that is only half"),
        (r#""id":"ada","id":"eve""#, "$input.entries[0].actor: \"id\" is there twice"),
    ] {
        let answer = post(server, &admin, texts.replace(r#""id":"ada""#, bad)).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
    let deep = format!("{}1{}", "{\"not\":".repeat(10_000), "}".repeat(10_000));
    let list = "query($id: ID!, $f: AuditLogFilter) { auditLogs(organizationId: $id, filter: $f) { totalCount } }";
    let head = json!({ "query": list }).to_string();
    let head = head.strip_suffix('}').unwrap();
    let answer =
        post(server, &admin, format!(r#"{head},"variables":{{"id":"{acme}","f":{deep}}}}}"#)).await;
    assert!(answer.contains("errors") && answer.contains("$f"), "{answer}");
}

#[on_each_engine]
async fn literal_that_would_change_is_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let record = |extra: &str| {
        format!(
            "mutation($id: ID!) {{ recordAuditLogs(input: {{ organizationId: $id, entries: [{{
                actor: {{ id: \"a\" }}, action: \"json.literal\", resource: {{ type: \"t\", id: \"i\" }},
                metadata: {{ extra: {extra} }} }}] }}) {{ auditLogs {{ metadata {{ extra }} }} }} }}"
        )
    };
    for (literal, expected) in [
        ("{ b: 1.5, a: [12, -7, \"x\", true] }", json!({ "b": 1.5, "a": [12, -7, "x", true] })),
        ("9007199254740993", json!(9_007_199_254_740_993_i64)),
    ] {
        let data = admin.query(&record(literal), json!({ "id": acme })).await;
        assert_eq!(data["recordAuditLogs"]["auditLogs"][0]["metadata"]["extra"], expected);
    }
    for literal in ["1.50", "{ a: [1e2] }", "123456789012345678901234567890"] {
        let body = json!({ "query": record(literal), "variables": { "id": acme } }).to_string();
        let answer = post(server, &admin, body).await;
        assert!(answer.contains("give the JSON value in a variable"), "{literal}: {answer}");
    }
}
