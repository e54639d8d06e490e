//! Exports of hostile content as other programs read them: DuckDB, pandas and pyarrow find the values that
//! the API answers.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, Value, json, on_each_engine};

use crate::exports::{export, hostile, hostile_entries, input, listed};

/// Each format with the end of its file names, and the programs that read it.
const FORMATS: [(&str, &str, &[&str]); 4] = [
    ("CSV", "csv", &["duckdb", "pandas"]),
    ("JSON", "json", &["duckdb"]),
    ("JSONL", "jsonl", &["duckdb"]),
    ("PARQUET", "parquet", &["duckdb", "pandas", "pyarrow"]),
];

/// Returns the JSON that the readers' Python prints.
fn python<Argument: AsRef<OsStr>>(arguments: impl IntoIterator<Item = Argument>) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join("target/readers/bin/python");
    assert!(python.exists(), "run `make readers` first");
    let output = Command::new(python).current_dir(root).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns what each reader finds in `files`.
fn read(files: &[PathBuf]) -> Value {
    let script = OsStr::new("tests/tools/read_export.py");
    python(std::iter::once(script).chain(files.iter().map(AsRef::as_ref)))
}

/// Returns a CSV as LibreOffice saves it, after opening it as a spreadsheet, splitting it at
/// `separators` (ASCII codes between slashes), and evaluating formulas.
fn opened_by_libreoffice(csv: &[u8], separators: &str) -> String {
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    std::fs::write(folder.path().join("export.csv"), csv).unwrap();
    // Separators, quotes, UTF-8, from the first row on, quoted cells like others, ..., with formulas.
    let filter =
        format!("--infilter=CSV:{separators},34,76,1,,0,false,false,false,false,false,0,true");
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.path().display());
    let output = Command::new("soffice")
        .args([profile.as_str(), "--headless", &filter, "--convert-to", "fods", "export.csv"])
        .current_dir(folder.path())
        .output()
        .expect("run `make readers` first");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(folder.path().join("export.fods")).unwrap()
}

/// Returns the rows of a Parquet file, as pyarrow reads them, in the form of the API.
pub(crate) fn parquet_rows(bytes: &[u8]) -> Vec<Value> {
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let file = folder.path().join("rows.parquet");
    std::fs::write(&file, bytes).unwrap();
    let mut found = read(&[file]);
    serde_json::from_value(found["pyarrow .parquet"].take()).unwrap()
}

/// The columns of a Parquet file, by DuckDB: name and type.
fn columns(file: &Path) -> Value {
    let script = "import duckdb, json, sys
query = f\"DESCRIBE SELECT * FROM '{sys.argv[1]}'\"
print(json.dumps([row[:2] for row in duckdb.sql(query).fetchall()]))";
    python([OsStr::new("-c"), OsStr::new(script), file.as_ref()])
}

/// The bytes of each group of rows before compression.
fn groups(file: &Path) -> Vec<u64> {
    let script = "import json, pyarrow.parquet, sys
metadata = pyarrow.parquet.ParquetFile(sys.argv[1]).metadata
groups = range(metadata.num_row_groups)
print(json.dumps([metadata.row_group(index).total_byte_size for index in groups]))";
    let sizes = python([OsStr::new("-c"), OsStr::new(script), file.as_ref()]);
    sizes.as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect()
}

fn is_typed(columns: &Value) {
    let columns = columns.as_array().unwrap();
    assert_eq!(columns.len(), 23);
    for column in columns {
        let expected = match column[0].as_str().unwrap() {
            "sequence" => "BIGINT",
            "timestamp" | "recordedAt" => "TIMESTAMP WITH TIME ZONE",
            "clockSkewed" => "BOOLEAN",
            "onBehalfOf" | "relatedResources" | "changes" | "extra" => "JSON",
            _ => "VARCHAR",
        };
        assert_eq!(column[1], expected, "{column}");
    }
}

#[on_each_engine]
async fn others_readers_find_what_the_api_answers(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut entries = hostile_entries();
    let mut longest = daybook_tests::entry("hostile.longest");
    // 64 KiB as JSON, the most that is taken.
    longest["metadata"] = json!({ "extra": ",;\u{e9}'".repeat(64 * 1024 / 5)[..64 * 1024 - 6] });
    entries.push(longest);
    let recorded = admin.record_entries(&acme, json!(entries)).await;
    assert_eq!(recorded["userErrors"], json!([]));
    let order = "TIMESTAMP_DESC";
    let expected = listed(&admin, &acme, &hostile(), order).await;

    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let mut files = Vec::new();
    for (format, extension, _) in FORMATS {
        let file = folder.path().join(format!("export.{extension}"));
        let exported = export(&admin, input(&acme, &hostile(), order, format)).await;
        std::fs::write(&file, exported.bytes).unwrap();
        files.push(file);
    }
    let found = read(&files);
    for (_, extension, readers) in FORMATS {
        for reader in readers {
            let found = found[format!("{reader} .{extension}")].as_array().unwrap();
            assert_eq!(found.len(), expected.len(), "{reader} {extension}");
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "{reader} {extension}");
            }
        }
    }
    is_typed(&columns(&files[3]));
}

#[on_each_engine]
async fn no_cell_of_a_csv_is_a_formula_in_libreoffice(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record_entries(&acme, json!(hostile_entries())).await;
    let exported = export(&admin, input(&acme, &hostile(), "RECORDED_ASC", "CSV")).await;
    for separators in ["59", "9", "44/59/9/124"] {
        let sheet = opened_by_libreoffice(&exported.bytes, separators);
        assert_eq!(sheet.matches("table:formula").count(), 0, "{separators}");
    }
    let sheet = opened_by_libreoffice(&exported.bytes, "44");
    assert_eq!(sheet.matches("table:formula").count(), 0);
    // Each entry has an action that begins so, in a cell of its own.
    let actions = sheet.matches("<text:p>hostile.").count();
    assert_eq!(actions, hostile_entries().len());
    // It does take cells for formulas where nothing is done about them.
    let csv = b"a,b\r\n=1+1,\"=HYPERLINK(\"\"http://evil.test\"\")\"\r\n";
    let sheet = opened_by_libreoffice(csv, "44");
    assert_eq!(sheet.matches("table:formula").count(), 2, "{sheet}");
    let sheet = opened_by_libreoffice(b"a,b\r\n1,\"Ada;=1+1\"\r\n", "59");
    assert_eq!(sheet.matches("table:formula").count(), 1, "{sheet}");
}

#[on_each_engine]
async fn parquet_of_nothing_has_its_columns(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let nothing = json!({ "action": "never.happened" });
    let exported = export(&admin, input(&acme, &nothing, "RECORDED_ASC", "PARQUET")).await;
    assert_eq!(exported.job["artifact"]["recordCount"], "0");
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let file = folder.path().join("nothing.parquet");
    std::fs::write(&file, exported.bytes).unwrap();
    is_typed(&columns(&file));
    for (reader, records) in read(&[file]).as_object().unwrap() {
        assert_eq!(*records, json!([]), "{reader}");
    }
}

#[on_each_engine]
async fn parquet_compresses_itself_and_takes_no_byte_order_mark(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for (field, value) in [
        ("compression", json!("GZIP")),
        ("compression", json!("ZSTD")),
        ("csvByteOrderMark", json!(true)),
    ] {
        let mut request = input(&acme, &Value::Null, "RECORDED_ASC", "PARQUET");
        request[field] = value;
        let payload = admin.start_export(request).await;
        assert_eq!(payload["job"], Value::Null);
        assert_eq!(payload["userErrors"][0]["code"], "UNSUPPORTED");
        assert_eq!(payload["userErrors"][0]["path"], json!([field]));
    }
}

#[on_each_engine]
async fn large_parquet_has_several_groups_and_no_large_one(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    // About 60 KiB each: seven groups of 2 MiB and an eighth.
    let long = "0123456789abcdef".repeat(60 * 1024 / 16);
    let entries = |from: usize| {
        let entries = (from..from + 60).map(|index| {
            let mut entry = daybook_tests::entry(&format!("hostile.{index:03}"));
            entry["metadata"] = json!({ "extra": format!("{index}{long}") });
            entry
        });
        json!(entries.collect::<Vec<_>>())
    };
    for from in (0..240).step_by(60) {
        let recorded = admin.record_entries(&acme, entries(from)).await;
        assert_eq!(recorded["userErrors"], json!([]));
    }
    let request = input(&acme, &hostile(), "RECORDED_ASC", "PARQUET");
    let exported = export(&admin, request).await;
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let file = folder.path().join("large.parquet");
    std::fs::write(&file, exported.bytes).unwrap();
    let found = read(std::slice::from_ref(&file));
    for (reader, records) in found.as_object().unwrap() {
        let records = records.as_array().unwrap();
        assert_eq!(records.len(), 240, "{reader}");
        for (index, record) in records.iter().enumerate() {
            assert_eq!(record["action"], format!("hostile.{index:03}"), "{reader}");
            assert_eq!(record["metadata"]["extra"], format!("{index}{long}"), "{reader}");
        }
    }
    let groups = groups(&file);
    assert!((7..=9).contains(&groups.len()), "{groups:?}");
    assert!(groups.iter().all(|bytes| *bytes < 4 * 1024 * 1024), "{groups:?}");
}
