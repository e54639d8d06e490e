//! Exports of hostile content as other programs read them: DuckDB, pandas, pyarrow and openpyxl find the
//! values that the API answers, and LibreOffice finds no formula.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, Value, json, on_each_engine};

use crate::exports::{export, hostile, hostile_entries, input, listed};

/// Each format with the end of its file names, and the programs that read it.
const FORMATS: [(&str, &str, &[&str]); 5] = [
    ("CSV", "csv", &["duckdb", "pandas"]),
    ("JSON", "json", &["duckdb"]),
    ("JSONL", "jsonl", &["duckdb"]),
    ("PARQUET", "parquet", &["duckdb", "pandas", "pyarrow"]),
    ("XLSX", "xlsx", &["openpyxl"]),
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
fn csv_opened_by_libreoffice(csv: &[u8], separators: &str) -> String {
    // Separators, quotes, UTF-8, from the first row on, quoted cells like others, ..., with formulas.
    let filter = format!("CSV:{separators},34,76,1,,0,false,false,false,false,false,0,true");
    opened_by_libreoffice(csv, "export.csv", &filter)
}

/// Returns a file as LibreOffice saves it, after opening it with an import filter.
fn opened_by_libreoffice(bytes: &[u8], name: &str, filter: &str) -> String {
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    let filter = format!("--infilter={filter}");
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.path().display());
    let output = Command::new("soffice")
        .args([profile.as_str(), "--headless", &filter, "--convert-to", "fods", name])
        .current_dir(folder.path())
        .output()
        .expect("run `make readers` first");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(folder.path().join("export.fods")).unwrap()
}

/// Returns the rows of a Parquet or XLSX file, as a reader of the format finds them, in the form of the
/// API.
pub(crate) fn rows_of(bytes: &[u8], format: &str) -> Vec<Value> {
    let (reader, extension) =
        if format == "XLSX" { ("openpyxl", "xlsx") } else { ("pyarrow", "parquet") };
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let file = folder.path().join(format!("rows.{extension}"));
    std::fs::write(&file, bytes).unwrap();
    let mut found = read(&[file]);
    serde_json::from_value(found[format!("{reader} .{extension}")].take()).unwrap()
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
        let sheet = csv_opened_by_libreoffice(&exported.bytes, separators);
        assert_eq!(sheet.matches("table:formula").count(), 0, "{separators}");
    }
    let sheet = csv_opened_by_libreoffice(&exported.bytes, "44");
    assert_eq!(sheet.matches("table:formula").count(), 0);
    // Each entry has an action that begins so, in a cell of its own.
    let actions = sheet.matches("<text:p>hostile.").count();
    assert_eq!(actions, hostile_entries().len());
    // It does take cells for formulas where nothing is done about them.
    let csv = b"a,b\r\n=1+1,\"=HYPERLINK(\"\"http://evil.test\"\")\"\r\n";
    let sheet = csv_opened_by_libreoffice(csv, "44");
    assert_eq!(sheet.matches("table:formula").count(), 2, "{sheet}");
    let sheet = csv_opened_by_libreoffice(b"a,b\r\n1,\"Ada;=1+1\"\r\n", "59");
    assert_eq!(sheet.matches("table:formula").count(), 1, "{sheet}");
}

#[on_each_engine]
async fn workbook_has_texts_and_dates_and_no_formula_in_libreoffice(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record_entries(&acme, json!(hostile_entries())).await;
    let exported = export(&admin, input(&acme, &hostile(), "RECORDED_ASC", "XLSX")).await;
    let sheet = opened_by_libreoffice(&exported.bytes, "export.xlsx", "Calc MS Excel 2007 XML");
    assert_eq!(sheet.matches("table:formula").count(), 0);
    for name in ["Audit log", "Manifest"] {
        assert_eq!(sheet.matches(&format!("table:name=\"{name}\"")).count(), 1, "{name}");
    }
    let entries = hostile_entries().len();
    // `timestamp` and `recordedAt` of each entry; those of the last one are equal, which LibreOffice
    // saves as one repeated cell.
    assert_eq!(sheet.matches("office:value-type=\"date\"").count(), 2 * entries - 1);
    assert_eq!(sheet.matches("office:date-value=\"2026-01-01T00:07:00").count(), 1);
    assert!(sheet.contains("<text:p>=1+1</text:p>") && sheet.contains("<text:p>-1</text:p>"));
}

#[on_each_engine]
async fn workbook_has_dates_of_spreadsheets_only_and_exact_texts_of_all(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let times = [
        "0001-01-01T00:00:00.000000Z",
        "1899-12-31T23:59:59.999999Z",
        "1900-02-28T23:59:59.000001Z",
        "1900-03-01T00:00:00.000000Z",
        "2026-11-30T23:59:59.999999Z",
        "9999-12-31T23:59:59.999999Z",
    ];
    let entries = times.map(|time| {
        let mut entry = daybook_tests::entry("hostile.time");
        entry["timestamp"] = json!(time);
        entry
    });
    let recorded = admin.record_entries(&acme, json!(entries)).await;
    assert_eq!(recorded["userErrors"], json!([]));
    let exported = export(&admin, input(&acme, &hostile(), "RECORDED_ASC", "XLSX")).await;
    let rows = rows_of(&exported.bytes, "XLSX");
    let found: Vec<_> = rows.iter().map(|row| row["timestamp"].as_str().unwrap()).collect();
    assert_eq!(found, times);
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let file = folder.path().join("times.xlsx");
    std::fs::write(&file, exported.bytes).unwrap();
    let script = "import json, openpyxl, sys
cells = openpyxl.load_workbook(sys.argv[1])['Audit log']['C'][1:]
print(json.dumps([str(cell.value) for cell in cells]))";
    let cells = python([OsStr::new("-c"), OsStr::new(script), file.as_ref()]);
    assert_eq!(
        cells,
        json!([
            times[0],
            times[1],
            times[2],
            "1900-03-01 00:00:00",
            "2026-11-30 23:59:59.999000",
            "9999-12-31 23:59:59.999000",
        ])
    );
}

#[on_each_engine]
async fn many_long_values_are_whole_in_a_workbook(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    // 240 values of up to 64 KiB, which are 15 MiB: more than is compressed or fetched at once.
    let entries = |from: usize| {
        let entries = (from..from + 60).map(|index| {
            let mut entry = daybook_tests::entry(&format!("hostile.{index:03}"));
            let text = format!("{index}\r\n\u{1}_x000D_🦀<&>").repeat(1_100 + index * 5);
            entry["metadata"] = json!({ "extra": text });
            entry
        });
        json!(entries.collect::<Vec<_>>())
    };
    let mut expected = Vec::new();
    for from in (0..240).step_by(60) {
        let recorded = admin.record_entries(&acme, entries(from)).await;
        assert_eq!(recorded["userErrors"], json!([]));
        expected.extend(entries(from).as_array().unwrap().clone());
    }
    let exported = export(&admin, input(&acme, &hostile(), "RECORDED_ASC", "XLSX")).await;
    let rows = rows_of(&exported.bytes, "XLSX");
    assert_eq!(rows.len(), 240);
    for (row, entry) in rows.iter().zip(&expected) {
        assert_eq!(row["metadata"]["extra"], entry["metadata"]["extra"], "{}", entry["action"]);
    }
    let long = exported.job["artifact"]["manifest"]["longCells"].as_u64().unwrap();
    assert!(long > 150, "{long}");
}

#[on_each_engine]
async fn workbook_of_nothing_has_its_columns(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let nothing = json!({ "action": "never.happened" });
    let exported = export(&admin, input(&acme, &nothing, "RECORDED_ASC", "XLSX")).await;
    assert_eq!(exported.job["artifact"]["recordCount"], "0");
    assert_eq!(rows_of(&exported.bytes, "XLSX"), [Value::Null; 0]);
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
async fn files_that_compress_themselves_take_no_options_of_others(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let options = [
        ("compression", json!("GZIP")),
        ("compression", json!("ZSTD")),
        ("csvByteOrderMark", json!(true)),
        ("csvNeutralize", json!(false)),
    ];
    let formats = ["PARQUET", "XLSX"].into_iter();
    for (format, (field, value)) in
        formats.flat_map(|format| options.clone().map(|it| (format, it)))
    {
        let mut request = input(&acme, &Value::Null, "RECORDED_ASC", format);
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
