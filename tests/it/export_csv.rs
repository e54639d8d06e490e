//! CSV exports: read back by the csv crate and by Python, byte for byte by RFC 4180.

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, Value, json, on_each_engine};

use crate::exports::{ORDERS, export, hostile, hostile_entries, input, listed, python};

const COLUMNS: [&str; 23] = [
    "sequence",
    "id",
    "timestamp",
    "recordedAt",
    "clockSkewed",
    "recordedBy",
    "actorType",
    "actorId",
    "actorEmail",
    "actorName",
    "onBehalfOf",
    "action",
    "outcome",
    "resourceType",
    "resourceId",
    "resourceName",
    "relatedResources",
    "changes",
    "ipAddress",
    "userAgent",
    "requestId",
    "extra",
    "hash",
];

const PYTHON_CSV: &str = "csv.field_size_limit(1 << 20)
text = data.decode('utf-8')
result = list(csv.reader(io.StringIO(text, newline=''), strict=True))";

/// Returns the rows of a neutralized CSV with the original values.
fn restored(bytes: &[u8]) -> Vec<Vec<String>> {
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/tools");
    let script = format!(
        "{PYTHON_CSV}\nsys.dont_write_bytecode = True\nsys.path.insert(0, '{tools}')
from restore_csv import restore
result = [[restore(cell) for cell in row] for row in result]"
    );
    serde_json::from_value(python(&script, bytes)).unwrap()
}

/// Returns a row in the form of the API.
fn node(cells: &[String]) -> Value {
    assert_eq!(cells.len(), COLUMNS.len());
    let text = |name: &str| -> Value {
        let at = COLUMNS.iter().position(|column| *column == name).unwrap();
        match cells[at].as_str() {
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
        "clockSkewed": parsed("clockSkewed"),
        "recordedBy": text("recordedBy"),
        "hash": text("hash"),
        "actor": {
            "id": text("actorId"), "type": text("actorType"),
            "email": text("actorEmail"), "name": text("actorName"),
        },
        "onBehalfOf": parsed("onBehalfOf"),
        "action": text("action"),
        "outcome": text("outcome"),
        "resource": {
            "type": text("resourceType"), "id": text("resourceId"), "name": text("resourceName"),
        },
        "relatedResources": parsed("relatedResources"),
        "changes": parsed("changes"),
        "metadata": {
            "ipAddress": text("ipAddress"), "userAgent": text("userAgent"),
            "requestId": text("requestId"), "extra": parsed("extra"),
        },
    })
}

/// Formats rows as the text of RFC 4180 describes, with quotes for the separators of any dialect.
fn rfc4180(rows: &[Vec<String>]) -> String {
    let cell = |cell: &String| {
        if cell.contains(['"', ',', ';', '|', '\t', '\r', '\n']) {
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
        let originals = restored(&file.bytes);
        let found: Vec<Value> = originals[1..].iter().map(|row| node(row)).collect();
        assert_eq!(found, expected, "{order}");
        assert_eq!(python(PYTHON_CSV, &file.bytes), json!(rows), "{order}");
        assert_eq!(file.bytes, rfc4180(&rows).into_bytes(), "{order}");

        let manifest = &file.job["artifact"]["manifest"];
        let pairs = rows.iter().flatten().zip(originals.iter().flatten());
        let neutralized = pairs.filter(|(cell, original)| cell != original).count();
        assert!(neutralized > 60, "{neutralized}");
        assert_eq!(manifest["cellsNeutralized"], json!(neutralized));
        assert_eq!(manifest["neutralized"], true);
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

#[on_each_engine]
async fn no_cell_begins_a_formula_wherever_a_spreadsheet_splits(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record_entries(&acme, json!(hostile_entries())).await;
    let mut request = input(&acme, &hostile(), "RECORDED_ASC", "CSV");
    let formulas = |file: &[u8], separator: char| {
        let text = String::from_utf8(file.to_vec()).unwrap();
        let cells = text.split([separator, '\r', '\n']);
        let cells = cells.map(|cell| cell.trim_start_matches(['"', ' ']));
        cells.filter(|cell| cell.starts_with(['=', '@', '＝', '＋', '－', '＠'])).count()
    };
    let neutralized = export(&admin, request.clone()).await;
    request["csvNeutralize"] = json!(false);
    let exact = export(&admin, request).await;
    for separator in [',', ';', '\t', '|'] {
        assert_eq!(formulas(&neutralized.bytes, separator), 0, "{separator:?}");
        assert!(formulas(&exact.bytes, separator) > 0, "{separator:?}");
    }
}

#[on_each_engine]
async fn file_for_programs_holds_the_exact_values_and_says_so(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record_entries(&acme, json!(hostile_entries())).await;
    let mut request = input(&acme, &hostile(), "RECORDED_ASC", "CSV");
    request["csvNeutralize"] = json!(false);
    let expected = listed(&admin, &acme, &hostile(), "RECORDED_ASC").await;
    let file = export(&admin, request.clone()).await;
    let rows = rows(&file.bytes);
    let found: Vec<Value> = rows[1..].iter().map(|row| node(row)).collect();
    assert_eq!(found, expected);
    let manifest = &file.job["artifact"]["manifest"];
    assert_eq!(
        (&manifest["neutralized"], &manifest["cellsNeutralized"]),
        (&json!(false), &json!(0))
    );

    let entry = json!({ "action": "job.export.requested" });
    let options = admin
        .query(
            "query($id: ID!, $filter: AuditLogFilter) {
                auditLogs(organizationId: $id, filter: $filter) { nodes { metadata { extra } } } }",
            json!({ "id": acme, "filter": entry }),
        )
        .await["auditLogs"]["nodes"][0]["metadata"]["extra"]["options"]
        .clone();
    assert_eq!(
        options,
        json!({
            "format": "CSV", "compression": "NONE", "csvByteOrderMark": false, "csvNeutralize": false,
        })
    );
    // It is another request than the same one with the default.
    request["idempotencyKey"] = json!("key");
    admin.start_export(request.clone()).await;
    request["csvNeutralize"] = json!(true);
    let conflict = admin.start_export(request.clone()).await;
    assert_eq!(conflict["userErrors"][0]["code"], "CONFLICT", "{conflict}");

    for format in ["JSON", "JSONL", "PARQUET", "XLSX"] {
        let mut refused = input(&acme, &hostile(), "RECORDED_ASC", format);
        refused["csvNeutralize"] = json!(false);
        let payload = admin.start_export(refused).await;
        assert_eq!(payload["job"], Value::Null);
        assert_eq!(payload["userErrors"][0]["code"], "UNSUPPORTED");
        assert_eq!(payload["userErrors"][0]["path"], json!(["csvNeutralize"]));
    }
}

#[on_each_engine]
async fn cells_that_spreadsheets_cut_off_are_counted(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    // In JSON with two quotes: exactly the limit, one character more, and twice as many bytes.
    let extras = ["x".repeat(32_765), "x".repeat(32_766), "é".repeat(32_700), "é".repeat(32_766)];
    let entries = extras.map(|extra| {
        let mut entry = daybook_tests::entry("hostile.long");
        entry["metadata"] = json!({ "extra": extra });
        entry
    });
    let recorded = admin.record_entries(&acme, json!(entries)).await;
    assert_eq!(recorded["userErrors"], json!([]));
    for (format, long) in
        [("CSV", json!(2)), ("XLSX", json!(2)), ("JSONL", Value::Null), ("PARQUET", Value::Null)]
    {
        let file = export(&admin, input(&acme, &hostile(), "RECORDED_ASC", format)).await;
        assert_eq!(file.job["artifact"]["manifest"]["longCells"], long, "{format}");
        let query = "query($id: ID!) { job(id: $id) { ... on ExportJob { longCells } } }";
        let job = admin.query(query, json!({ "id": file.job["id"] })).await["job"].clone();
        assert_eq!(
            job["longCells"],
            long.as_u64().map_or(Value::Null, |long| json!(long.to_string()))
        );
    }
}
