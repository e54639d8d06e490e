//! Exports of hostile content: real readers find the values in the file that the API returns.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};
use sha2::{Digest, Sha256};

pub(crate) const ORDERS: [&str; 4] =
    ["RECORDED_DESC", "RECORDED_ASC", "TIMESTAMP_DESC", "TIMESTAMP_ASC"];

/// Texts that break careless writers, readers or spreadsheets.
const NASTY: [&str; 42] = [
    ",",
    "\"",
    "\"\"",
    "a,b\"c\"",
    "line\r\nbreak",
    "\n",
    "\rreturn",
    "tab\there",
    "\t=1",
    "\r=1",
    "=1+1",
    "=HYPERLINK(\"http://evil.test\",\"click\")",
    "+1",
    "-1",
    "@SUM(A1:A9)",
    "Ada;=1+1",
    "Ada\t=1+1|=2",
    "Ada\n; \"=1\"",
    "\n=1",
    "＝1",
    "-5,5+A1",
    "'",
    "'=1",
    "''=1",
    "'plain",
    "null",
    "NULL",
    "\u{FEFF}byte order mark",
    "\u{FEFF}=1",
    "😀 👩‍👩‍👧",
    "עברית \u{202E}txt.exe",
    " blanks ",
    "e\u{301} and é",
    "\u{85}\u{2028}\u{2029}",
    "\u{1}\u{1b}[31m\u{7f}",
    "\\",
    "\\\"",
    "\\'; DROP TABLE jobs; --",
    "$1 ' || $2",
    "</script><!--",
    "[]",
    "{\"a\":",
];

/// An entry for each nasty text, and one with long cells; happened in another order than recorded.
pub(crate) fn hostile_entries() -> Vec<Value> {
    let nasty = NASTY.iter().enumerate().map(|(index, text)| {
        let extra = match index % 5 {
            0 => Value::Null,
            1 => json!(text),
            2 => json!(-5),
            3 => json!([text, { "deep": [[{ *text: text }]] }]),
            _ => json!({ "text": text, "exact": 9_007_199_254_740_993_i64, "half": -0.5 }),
        };
        json!({
            "timestamp": format!("2026-01-01T00:{:02}:00.00000{}Z", index * 7 % 60, index % 10),
            "actor": {
                "id": text,
                "type": (["USER", "SERVICE", "AGENT"][index % 3]),
                "email": (index % 2 == 0).then_some(text),
                "name": (index % 3 == 0).then_some(text),
            },
            "action": format!("hostile.{text}"),
            "outcome": (["SUCCESS", "FAILURE", "DENIED"][index % 3]),
            "onBehalfOf": (index % 4 == 1).then(|| json!({ "id": text, "type": "USER", "name": text })),
            "resource": { "type": text, "id": text, "name": (index % 4 != 0).then_some(text) },
            "relatedResources": vec![json!({ "type": text, "id": text }); index % 2],
            "changes": [
                { "field": text, "old": { "nested": [1, 2.5, { *text: [text, null, true] }] } },
                { "field": "gone", "old": null, "new": text },
            ],
            "metadata": {
                "ipAddress": (index % 2 == 1).then_some(text),
                "userAgent": text,
                "requestId": (index % 3 == 1).then_some(text),
                "extra": extra,
            },
        })
    });
    let long = json!({
        "actor": { "id": "😀".repeat(200) },
        "action": "hostile.long",
        "resource": { "type": "t", "id": "i", "name": "\"".repeat(500) },
        "metadata": { "extra": { "long": ",\"\r\n".repeat(60 * 1024 / 8) } },
    });
    nasty.chain([long]).collect()
}

/// Returns the filter for the hostile entries, without those that Daybook recorded by itself.
pub(crate) fn hostile() -> Value {
    json!({ "action": ["hostile.*"] })
}

/// Lists entries through the API, in the form of JSON exports.
pub(crate) async fn listed(
    client: &Client,
    organization: &str,
    filter: &Value,
    order: &str,
) -> Vec<Value> {
    let variables = json!({ "organization": organization, "filter": filter, "order": order });
    let page = client.query(LIST, variables).await["auditLogs"].clone();
    assert_eq!(page["pageInfo"]["hasNextPage"], false, "one page is meant to do");
    page["nodes"].as_array().unwrap().iter().map(as_exported).collect()
}

/// Returns an entry of the API in the form of JSON exports, whose members are those of the input.
fn as_exported(node: &Value) -> Value {
    let node = node.to_string().replace("\"externalId\":", "\"id\":");
    let mut node: Value = serde_json::from_str(&node).unwrap();
    let without_null = |object: &mut Value| {
        object
            .as_object_mut()
            .into_iter()
            .for_each(|object| object.retain(|_, value| !value.is_null()));
    };
    without_null(&mut node["onBehalfOf"]);
    node["relatedResources"].as_array_mut().unwrap().iter_mut().for_each(without_null);
    node
}

const LIST: &str = "query($organization: ID!, $filter: AuditLogFilter, $order: AuditLogOrder) {
    auditLogs(organizationId: $organization, filter: $filter, orderBy: $order, first: 100) {
        pageInfo { hasNextPage }
        nodes {
            id sequence timestamp recordedAt clockSkewed recordedBy hash
            actor { externalId type email name } onBehalfOf { externalId type email name } action outcome
            resource { type externalId name } relatedResources { type externalId name }
            changes { field old new } metadata { ipAddress userAgent requestId extra }
        }
    }
}";

/// An export and its file.
pub(crate) struct Exported {
    pub(crate) job: Value,
    pub(crate) bytes: Vec<u8>,
}

/// Exports and downloads, small or large.
pub(crate) async fn export(client: &Client, input: Value) -> Exported {
    let payload = client.start_export(input).await;
    assert_eq!(payload["userErrors"], json!([]));
    let job = client.finished(payload["job"]["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let bytes = client.download(job["artifact"]["downloadUrl"].as_str().unwrap()).await;
    Exported { job, bytes }
}

/// The input of an export.
pub(crate) fn input(organization: &str, filter: &Value, order: &str, format: &str) -> Value {
    json!({
        "organizationId": organization,
        "source": { "auditLogs": { "filter": filter, "orderBy": order } },
        "format": format,
    })
}

/// Runs a Python script that reads `bytes` as `data`, and returns the value that it leaves in `result`.
pub(crate) fn python(script: &str, bytes: &[u8]) -> Value {
    let program = format!(
        "import csv, io, json, sys\ndata = sys.stdin.buffer.read()\n{script}\nprint(json.dumps(result))"
    );
    let mut child = Command::new("python3")
        .args(["-c", &program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "python3: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

const PYTHON_JSON: &str = "result = json.loads(data.decode('utf-8'))";
// By line feed only: `splitlines` would also split at U+2028, which JSON need not escape.
const PYTHON_JSONL: &str = "lines = data.decode('utf-8').split('\\n')
assert lines.pop() == ''
result = [json.loads(line) for line in lines]";

#[on_each_engine]
async fn json_exports_of_hostile_content_equal_the_list_in_each_order(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 5).await;
    let recorded = admin.record_entries(&acme, json!(hostile_entries())).await;
    assert_eq!(recorded["userErrors"], json!([]));
    let mut seen = Vec::new();
    for order in ORDERS {
        let expected = listed(&admin, &acme, &hostile(), order).await;
        assert_eq!(expected.len(), NASTY.len() + 1);

        let whole = export(&admin, input(&acme, &hostile(), order, "JSON")).await.bytes;
        let records: Vec<Value> = serde_json::from_slice(&whole).unwrap();
        assert_eq!(records, expected, "{order}");
        assert_eq!(python(PYTHON_JSON, &whole), json!(expected), "{order}");

        let lines = export(&admin, input(&acme, &hostile(), order, "JSONL")).await.bytes;
        let lines = String::from_utf8(lines).unwrap();
        assert_eq!(python(PYTHON_JSONL, lines.as_bytes()), json!(expected), "{order}");
        let records = lines.strip_suffix('\n').unwrap().split('\n');
        let records: Vec<Value> = records.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records, expected, "{order}");
        seen.push(expected);
    }
    seen.dedup();
    assert_eq!(seen.len(), ORDERS.len(), "orders that differ");
}

#[on_each_engine]
async fn filter_is_applied_to_the_file_as_to_the_list(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record_entries(&acme, json!(hostile_entries())).await;
    for filter in [
        json!({ "actorId": "=1+1" }),
        json!({ "actorType": "SERVICE", "outcome": "FAILURE", "action": "hostile.*" }),
        json!({ "action": "hostile.\"*" }),
        json!({ "from": "2026-01-01T00:10:00Z", "to": "2026-01-01T00:40:00+00:00" }),
    ] {
        let expected = listed(&admin, &acme, &filter, "TIMESTAMP_ASC").await;
        assert!((1..NASTY.len()).contains(&expected.len()), "{filter}");
        let file = export(&admin, input(&acme, &filter, "TIMESTAMP_ASC", "JSON")).await;
        let records: Vec<Value> = serde_json::from_slice(&file.bytes).unwrap();
        assert_eq!(records, expected, "{filter}");
    }
    // Whatever a filter says stays a value: it finds its own entry and no other.
    for text in NASTY {
        let filter = json!({ "actorId": text });
        let file = export(&admin, input(&acme, &filter, "RECORDED_ASC", "JSON")).await;
        let records: Vec<Value> = serde_json::from_slice(&file.bytes).unwrap();
        let found: Vec<_> = records.iter().map(|record| &record["actor"]["id"]).collect();
        assert_eq!(found, [&json!(text)]);
    }
}

#[on_each_engine]
async fn manifest_and_artifact_describe_the_file(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record_entries(&acme, json!(hostile_entries())).await;
    let listed = listed(&admin, &acme, &hostile(), "TIMESTAMP_ASC").await;
    let sequences =
        || listed.iter().map(|node| node["sequence"].as_str().unwrap().parse::<i64>().unwrap());
    for (format, content_type, extension) in [
        ("CSV", "text/csv; charset=utf-8; header=present", "csv"),
        ("JSON", "application/json", "json"),
        ("JSONL", "application/jsonl", "jsonl"),
        ("PARQUET", "application/vnd.apache.parquet", "parquet"),
        ("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ] {
        let Exported { job, bytes } =
            export(&admin, input(&acme, &hostile(), "TIMESTAMP_ASC", format)).await;
        let sha256: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let artifact = &job["artifact"];
        assert_eq!(artifact["sha256"], json!(sha256));
        assert_eq!(artifact["sizeBytes"], json!(bytes.len().to_string()));
        assert_eq!(artifact["recordCount"], json!(listed.len().to_string()));
        assert_eq!(artifact["contentType"], content_type);
        assert_eq!(artifact["expired"], false);
        let name = artifact["fileName"].as_str().unwrap();
        assert!(name.starts_with("audit-logs-2"), "{name}");
        assert!(name.ends_with(&format!(".{extension}")), "{name}");

        let manifest = &artifact["manifest"];
        for (field, expected) in [
            ("kind", json!("auditLogs")),
            ("format", json!(format)),
            ("filter", hostile()),
            ("orderBy", json!("TIMESTAMP_ASC")),
            ("firstSequence", json!(sequences().min().unwrap().to_string())),
            ("lastSequence", json!(sequences().max().unwrap().to_string())),
            ("recordsMatched", json!(listed.len())),
            ("recordCount", json!(listed.len())),
            ("truncated", json!(false)),
            ("byteOrderMark", json!(false)),
            ("sizeBytes", json!(bytes.len())),
            ("sha256", json!(sha256)),
        ] {
            assert_eq!(manifest[field], expected, "{field} of {format}");
        }
        let through: i64 = manifest["throughSequence"].as_str().unwrap().parse().unwrap();
        assert!(through >= sequences().max().unwrap());
        assert_eq!(manifest["columns"].is_array(), ["CSV", "PARQUET", "XLSX"].contains(&format));
        assert_eq!(manifest["cellsNeutralized"] == 0, format != "CSV");
    }
}

#[on_each_engine]
async fn export_of_nothing_is_a_valid_file(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let nothing = json!({ "action": "never.happened" });
    for format in ["CSV", "JSON", "JSONL"] {
        let payload = admin.start_export(input(&acme, &nothing, "RECORDED_ASC", format)).await;
        assert_eq!(payload["job"]["state"], "SUCCEEDED", "{payload}");
        assert_eq!(payload["job"]["recordsMatched"], "0");
        let artifact = &payload["job"]["artifact"];
        assert_eq!(artifact["manifest"]["firstSequence"], Value::Null);
        assert_eq!(artifact["manifest"]["recordCount"], 0);
        assert!(payload["inlineDataUrl"].as_str().unwrap().starts_with("data:"));
        let bytes = admin.download(artifact["downloadUrl"].as_str().unwrap()).await;
        let records = match format {
            "CSV" => csv::Reader::from_reader(&bytes[..]).records().count(),
            "JSON" => serde_json::from_slice::<Vec<Value>>(&bytes).unwrap().len(),
            _ => bytes.len(),
        };
        assert_eq!(records, 0, "{format}");
        assert_eq!(bytes.is_empty(), format == "JSONL");
    }
}
