//! Documents and variables are judged as by graphql-js, the reference implementation: each request of
//! `validation/documents.json` is given to both, and whatever one refuses the other refuses, too.

use std::process::Command;

use daybook_tests::{Client, TestServer, Value, clients, json, on_each_engine};

/// Requests that are judged otherwise on purpose, each with our verdict.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The specification of September 2025 forbids both; graphql-js 16 is from before it.
    ("subscription { jobUpdates @skip(if: true) { type } }", "validate"),
    (
        "mutation($a: AuditLogsSource) { startExport(input: {organizationId: \"o\", format: CSV, \
         source: {auditLogs: $a}}) { replayed } }",
        "validate",
    ),
];

const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/validation/documents.json");
const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema.graphql");

/// Returns graphql-js's verdict on each request: the stage that refuses it, or `run`, and the reason.
fn reference() -> Vec<(String, String)> {
    let mut command = Command::new("node");
    let output =
        command.arg(clients::script("verdicts.mjs")).args([SCHEMA, DOCUMENTS]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the server's verdict on a request, in the same form. The request has no credential, so that a valid
/// one changes nothing.
async fn verdict(url: &str, client: &Client, request: &Value) -> (String, String) {
    let answer = client
        .http
        .post(url)
        .header("accept", "application/graphql-response+json")
        .json(request)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    let error = &body["errors"][0];
    let message = error["message"].as_str().unwrap_or_default().to_owned();
    let stage = match (status, error["extensions"]["code"].as_str()) {
        (200, _) => "run",
        // Valid, and not for this transport.
        (400, _) if message.starts_with("Send subscriptions over a WebSocket") => "run",
        (400, Some("GRAPHQL_PARSE_FAILED")) => "parse",
        (400, Some("GRAPHQL_VALIDATION_FAILED" | "QUERY_TOO_COMPLEX")) => "validate",
        (400, Some("BAD_USER_INPUT")) if message.starts_with("Variable ") => "variables",
        (400, Some("BAD_USER_INPUT")) => "operation",
        _ => panic!("{request}: {status} {body}"),
    };
    assert!(stage == "run" || body.get("data").is_none(), "{request}: {body}");
    (stage.to_owned(), message)
}

/// Parsing and validation are one to a client: the document is refused.
fn class(stage: &str) -> &str {
    if stage == "parse" { "validate" } else { stage }
}

#[on_each_engine]
async fn requests_are_judged_as_by_graphql_js(server: &TestServer) {
    let requests: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(DOCUMENTS).unwrap()).unwrap();
    let reference = reference();
    assert_eq!(reference.len(), requests.len());
    let mut differences = Vec::new();
    let (url, client) = (server.url("/graphql"), server.anonymous());
    let mut refused = 0;
    for (request, (stage, reason)) in requests.iter().zip(&reference) {
        let (ours, our_reason) = verdict(&url, &client, request).await;
        let known = EXCEPTIONS.iter().find(|(query, _)| *query == request["query"]);
        let expected = known.map_or(stage.as_str(), |(_, verdict)| verdict);
        refused += u32::from(ours != "run");
        if class(expected) != class(&ours) {
            differences.push(json!({ "request": request, "graphql-js": [stage, reason], "daybook": [ours, our_reason] }));
        }
    }
    println!("{} requests, {refused} refused", requests.len());
    assert!(requests.len() > 300 && refused > 200, "{refused} of {}", requests.len());
    assert!(differences.is_empty(), "{} differences: {:#}", differences.len(), json!(differences));
}

#[on_each_engine]
async fn variable_s_fault_is_named_by_its_place_and_not_repeated(server: &TestServer) {
    let (url, client) = (server.url("/graphql"), server.anonymous());
    let ask = async |query: &str, variables: Value| {
        let (_, message) =
            verdict(&url, &client, &json!({ "query": query, "variables": variables })).await;
        assert!(!message.contains("secret"), "{message}");
        message
    };
    let record =
        "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { replayed } }";
    let entry = daybook_tests::entry("a.b");
    let mut bad = entry.clone();
    bad["action"] = json!(["secret"]);
    let variables = json!({ "input": { "organizationId": "o", "entries": [entry, bad] } });
    assert_eq!(ask(record, variables).await, "Variable $input.entries[1].action: must be String");
    bad["action"] = json!("a.b");
    bad["actor"]["type"] = json!("secret");
    let variables = json!({ "input": { "organizationId": "o", "entries": [bad] } });
    assert_eq!(
        ask(record, variables).await,
        "Variable $input.entries[0].actor.type: must be one of the values of ActorType"
    );
    assert_eq!(
        ask(record, json!({})).await,
        "Variable $input: is required: RecordAuditLogsInput! has no default"
    );
    assert_eq!(
        ask(record, json!({ "input": null })).await,
        "Variable $input: must be RecordAuditLogsInput!, not null"
    );
}
