use std::io::{Cursor, Read};

use serde_json::json;
use zip::ZipArchive;

use super::*;

/// Ends the workbook. Returns its files by path, in the order of the archive.
async fn files(mut xlsx: Xlsx) -> Vec<(String, String)> {
    let (mut bytes, mut calls) = (Vec::new(), 0);
    while !xlsx.end(&json!({ "kind": "auditLogs", "filter": { "a": "b" } })).await.unwrap() {
        bytes.extend(xlsx.take(Vec::new()).0);
        calls += 1;
    }
    bytes.extend(xlsx.take(Vec::new()).0);
    assert!(calls > 0);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let count = archive.len();
    let file = |index| {
        let mut file = archive.by_index(index).unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        (file.name().unwrap().into_owned(), content)
    };
    (0..count).map(file).collect()
}

fn add(sheets: &mut Sheets, number: i64) {
    sheets.begin_row();
    sheets.number(number);
    sheets.end_row();
}

/// Returns the numbers in the first column of each sheet whose path begins with `start`.
fn numbers(files: &[(String, String)], start: &str) -> Vec<Vec<String>> {
    let sheets = files.iter().filter(|(path, _)| path.starts_with(start));
    let sheet = |(_, xml): &(String, String)| {
        assert!(xml.starts_with("<?xml") && xml.ends_with("</worksheet>"));
        assert_eq!(xml.matches("<row ").count(), xml.matches("<v>").count() + 1, "header");
        let last = format!("<row r=\"{}\">", xml.matches("<row ").count());
        assert!(xml.contains(&last));
        let values = xml.split("<v>").skip(1);
        values.map(|rest| rest.split_once('<').unwrap().0.to_owned()).collect()
    };
    sheets.map(sheet).collect()
}

#[tokio::test]
async fn rows_that_do_not_fit_one_sheet_continue_on_another_one() {
    let scratch = tempfile::tempdir().unwrap();
    let limits = Limits { rows: 4, ..Limits::EXCEL };
    let mut xlsx = Xlsx::with_limits(scratch.path(), limits).unwrap();
    for number in 1..=7 {
        add(&mut xlsx.log, number);
        if number % 2 == 0 {
            xlsx.write_full().await.unwrap();
        }
    }
    for number in 1..=6 {
        add(&mut xlsx.long, number);
        if number == 4 {
            xlsx.write_full().await.unwrap();
        }
    }
    let files = files(xlsx).await;
    let log = numbers(&files, "xl/worksheets/log");
    assert_eq!(log, [vec!["1", "2", "3"], vec!["4", "5", "6"], vec!["7"]]);
    let long = numbers(&files, "xl/worksheets/long");
    assert_eq!(long, [["1", "2", "3"], ["4", "5", "6"]]);

    let content = |path: &str| &files.iter().find(|(name, _)| name == path).unwrap().1;
    let names: Vec<_> = content("xl/workbook.xml").split("<sheet name=\"").skip(1).collect();
    let names: Vec<_> = names.iter().map(|rest| rest.split_once('"').unwrap().0).collect();
    assert_eq!(
        names,
        ["Audit log", "Audit log 2", "Audit log 3", "Long values", "Long values 2", "Manifest"]
    );
    assert!(content("xl/workbook.xml").contains("'Audit log 3'!$A$1:$Y$2<"));
    for (path, _) in
        files.iter().filter(|(path, _)| path.ends_with("xml") && path != "[Content_Types].xml")
    {
        let quoted = format!("\"/{path}\"");
        assert!(content("[Content_Types].xml").contains(&quoted), "{path}");
        let lists = ["xl/_rels/workbook.xml.rels", "_rels/.rels"];
        assert!(lists.iter().any(|list| content(list).contains(&quoted)), "{path}");
    }
}

#[tokio::test]
async fn sheet_that_is_large_enough_gets_no_more_rows() {
    let scratch = tempfile::tempdir().unwrap();
    let limits = Limits { bytes: 10_000, ..Limits::EXCEL };
    let mut xlsx = Xlsx::with_limits(scratch.path(), limits).unwrap();
    for number in 0..300 {
        add(&mut xlsx.log, number);
        if number % 7 == 0 {
            xlsx.write_full().await.unwrap();
        }
    }
    let files = files(xlsx).await;
    let sheets = numbers(&files, "xl/worksheets/log");
    assert!(sheets.len() > 1);
    assert_eq!(sheets.concat(), (0..300).map(|number| number.to_string()).collect::<Vec<_>>());
    for (path, xml) in files.iter().filter(|(path, _)| path.contains("log")) {
        assert!(xml.len() < 10_200, "{path}: {}", xml.len());
    }
}

#[tokio::test]
async fn workbook_of_nothing_has_its_header_and_no_sheet_of_long_values() {
    let scratch = tempfile::tempdir().unwrap();
    let files = files(Xlsx::with_limits(scratch.path(), Limits::EXCEL).unwrap()).await;
    assert_eq!(numbers(&files, "xl/worksheets/log"), [[""; 0]]);
    assert!(!files.iter().any(|(path, _)| path.contains("long")));
}

#[test]
fn numbers_with_more_digits_than_a_spreadsheet_keeps_are_texts() {
    let headings = headings_of(&[("a", 9), ("b", 9)]);
    let mut sheets = Sheets::new(("Test", "test"), headings, Limits::EXCEL);
    sheets.begin_row();
    sheets.number(999_999_999_999_999);
    sheets.number(1_000_000_000_000_000);
    sheets.end_row();
    let pieces = sheets.take();
    let xml: Vec<_> = pieces
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Start(_) => None,
            Piece::Xml(xml) => Some(String::from_utf8(xml).unwrap()),
        })
        .collect();
    let xml = xml.concat();
    assert!(xml.contains("<c r=\"A2\" s=\"0\"><v>999999999999999</v></c>"), "{xml}");
    assert!(xml.contains(">1000000000000000</t>"), "{xml}");
}
