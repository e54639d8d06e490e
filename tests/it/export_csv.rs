//! CSV exports: read back by the csv crate and by Python, byte for byte by RFC 4180.

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, Value, json, on_each_engine};

use crate::exports::{ORDERS, export, hostile, hostile_entries, input, listed, python};

const COLUMNS: [&str; 20] = [
    "sequence",
    "id",
    "timestamp",
    "recordedAt",
    "recordedBy",
    "actorType",
    "actorId",
    "actorEmail",
    "actorName",
    "action",
    "outcome",
    "resourceType",
    "resourceId",
    "resourceName",
    "changes",
    "ipAddress",
    "userAgent",
    "requestId",
    "extra",
    "hash",
];

const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

const PYTHON_CSV: &str = "csv.field_size_limit(1 << 20)
text = data.decode('utf-8')
result = list(csv.reader(io.StringIO(text, newline=''), strict=True))";

/// Returns the original of a cell that was escaped, as the documentation describes.
fn original(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.trim_start_matches('\'').starts_with(FORMULA) => rest,
        _ => cell,
    }
}

/// Returns a row in the form of the API.
fn node(cells: &[String]) -> Value {
    assert_eq!(cells.len(), COLUMNS.len());
    let text = |name: &str| -> Value {
        let at = COLUMNS.iter().position(|column| *column == name).unwrap();
        match original(&cells[at]) {
            "" => Value::Null,
            text => json!(text),
        }
    };
    let parsed = |name: &str| -> Value {
        text(name).as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
    };
    json!({
        "id": text("id"),
        "sequence": text("sequence"),
        "timestamp": text("timestamp"),
        "recordedAt": text("recordedAt"),
        "recordedBy": text("recordedBy"),
        "hash": text("hash"),
        "actor": {
            "id": text("actorId"), "type": text("actorType"),
            "email": text("actorEmail"), "name": text("actorName"),
        },
        "action": text("action"),
        "outcome": text("outcome"),
        "resource": {
            "type": text("resourceType"), "id": text("resourceId"), "name": text("resourceName"),
        },
        "changes": parsed("changes"),
        "metadata": {
            "ipAddress": text("ipAddress"), "userAgent": text("userAgent"),
            "requestId": text("requestId"), "extra": parsed("extra"),
        },
    })
}

/// The cells of a node that are a formula once apostrophes at their start are taken away.
fn formulas(node: &Value) -> usize {
    let extra = &node["metadata"]["extra"];
    let extra = if extra.is_null() { Value::Null } else { json!(extra.to_string()) };
    let cells = [
        &node["recordedBy"],
        &node["actor"]["id"],
        &node["actor"]["email"],
        &node["actor"]["name"],
        &node["action"],
        &node["resource"]["type"],
        &node["resource"]["id"],
        &node["resource"]["name"],
        &node["metadata"]["ipAddress"],
        &node["metadata"]["userAgent"],
        &node["metadata"]["requestId"],
        &extra,
    ];
    let cells = cells.into_iter().filter_map(Value::as_str);
    cells.filter(|cell| cell.trim_start_matches('\'').starts_with(FORMULA)).count()
}

/// Formats rows as the text of RFC 4180 describes.
fn rfc4180(rows: &[Vec<String>]) -> String {
    let cell = |cell: &String| {
        if cell.contains([',', '"', '\r', '\n']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    };
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n").collect()
}

fn rows(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}

#[on_each_engine]
async fn csv_of_hostile_content_equals_the_list_in_each_order(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 5).await;
    admin.record_entries(&acme, json!(hostile_entries())).await;
    for order in ORDERS {
        let expected = listed(&admin, &acme, &hostile(), order).await;
        let file = export(&admin, input(&acme, &hostile(), order, "CSV")).await;
        let rows = rows(&file.bytes);
        assert_eq!(rows[0], COLUMNS);
        let found: Vec<Value> = rows[1..].iter().map(|row| node(row)).collect();
        assert_eq!(found, expected, "{order}");
        assert_eq!(python(PYTHON_CSV, &file.bytes), json!(rows), "{order}");
        assert_eq!(file.bytes, rfc4180(&rows).into_bytes(), "{order}");
        let running = rows.iter().flatten().find(|cell| cell.starts_with(FORMULA));
        assert_eq!(running, None, "a cell that a spreadsheet runs");

        let manifest = &file.job["artifact"]["manifest"];
        let neutralized: usize = expected.iter().map(formulas).sum();
        assert!(neutralized > 40, "{neutralized}");
        assert_eq!(manifest["cellsNeutralized"], json!(neutralized));
        assert_eq!(manifest["columns"], json!(COLUMNS));
    }
}

#[on_each_engine]
async fn absent_value_is_an_empty_cell_and_the_text_null_is_not(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let entry = json!({
        "actor": { "id": "null", "name": "null" },
        "action": "hostile.null",
        "resource": { "type": "t", "id": "i" },
        "metadata": { "extra": "null" },
    });
    admin.record_entries(&acme, json!([entry])).await;
    let file = export(&admin, input(&acme, &hostile(), "RECORDED_ASC", "CSV")).await;
    let row = rows(&file.bytes).remove(1);
    let cell =
        |name: &str| row[COLUMNS.iter().position(|column| *column == name).unwrap()].as_str();
    assert_eq!((cell("actorId"), cell("actorName")), ("null", "null"));
    assert_eq!((cell("actorEmail"), cell("resourceName"), cell("userAgent")), ("", "", ""));
    assert_eq!((cell("changes"), cell("extra")), ("[]", "\"null\""));
}

#[on_each_engine]
async fn byte_order_mark_is_for_csv_only_and_begins_it_once(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record_entries(&acme, json!(hostile_entries())).await;
    let plain = export(&admin, input(&acme, &hostile(), "RECORDED_ASC", "CSV")).await;
    assert!(plain.bytes.starts_with(b"sequence,id,"));
    let mut marked = input(&acme, &hostile(), "RECORDED_ASC", "CSV");
    marked["csvByteOrderMark"] = json!(true);
    let marked = export(&admin, marked).await;
    assert_eq!(marked.bytes.strip_prefix(b"\xEF\xBB\xBF"), Some(&plain.bytes[..]));
    assert_eq!(marked.job["artifact"]["manifest"]["byteOrderMark"], true);

    for format in ["JSON", "JSONL"] {
        let mut refused = input(&acme, &hostile(), "RECORDED_ASC", format);
        refused["csvByteOrderMark"] = json!(true);
        let payload = admin.start_export(refused).await;
        assert_eq!(payload["job"], Value::Null);
        assert_eq!(payload["userErrors"][0]["code"], "UNSUPPORTED");
        assert_eq!(payload["userErrors"][0]["path"], json!(["csvByteOrderMark"]));
    }
}
