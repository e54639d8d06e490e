//! `daybook import audit-logs` imports each line once, and names a line that is wrong.

mod exported;
mod identity;

use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, binary, entry, json, on_each_engine};

const ACTIONS: &str = "query($id: ID!, $after: String) {
    auditLogs(organizationId: $id, orderBy: RECORDED_ASC, filter: { action: \"line.*\" }, first: 100, after: $after) {
        totalCount pageInfo { hasNextPage endCursor } nodes { action actor { externalId } recordedBy }
    }
}";

#[on_each_engine]
async fn lines_of_a_file_are_recorded_in_their_order_once(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let file = write(server, &lines(2_500));
    let output = import(server, &file, None);
    assert_eq!((code(&output), text(&output.stdout)), (0, String::new()));
    assert!(binary::stderr(&output).contains("2500 recorded, 0 already there"), "{output:?}");
    assert_eq!(actions(&admin, &acme).await, numbered(2_500));
    let output = import(server, &file, None);
    assert!(binary::stderr(&output).contains("0 recorded, 2500 already there"), "{output:?}");
    assert_eq!(actions(&admin, &acme).await, numbered(2_500));

    let longer = write(server, &lines(2_600));
    let output = import(server, &longer, None);
    assert!(binary::stderr(&output).contains("100 recorded, 2500 already there"), "{output:?}");
    assert_eq!(actions(&admin, &acme).await, numbered(2_600), "a file that grew");
}

#[on_each_engine]
async fn byte_order_mark_is_passed_over_and_other_encodings_are_named(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let [line] = &lines(1)[..] else { panic!() };
    let marked = write(server, &[format!("\u{feff}{line}")]);
    assert_eq!(code(&import(server, &marked, None)), 0);
    assert_eq!(actions(&admin, &acme).await.len(), 1);
    let other: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&marked, [&[0xff, 0xfe][..], &other].concat()).unwrap();
    let refused = import(server, &marked, None);
    assert_eq!(code(&refused), 1);
    assert!(text(&refused.stderr).contains("line 1: is not UTF-8"), "{}", text(&refused.stderr));
}

#[on_each_engine]
async fn standard_input_is_read_where_the_file_is_a_dash(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let input = format!("\r\n{}\n\n  \n{}", lines(1)[0], lines(2)[1]);
    let output = import(server, "-", Some(&input));
    assert_eq!((code(&output), text(&output.stdout)), (0, String::new()), "{output:?}");
    assert_eq!(actions(&admin, &acme).await, numbered(2), "blank lines are none");
    let output = import(server, "-", Some(""));
    assert_eq!(code(&output), 0);
}

#[on_each_engine]
async fn bad_line_is_named_and_what_stands_before_it_recorded(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let good = lines(2_000);
    let mut long = entry("line.1503");
    long["actor"]["name"] = json!("x".repeat(501));
    let mut unknown = entry("line.1800");
    unknown["colour"] = json!("red");
    let mut outcome = entry("line.1900");
    outcome["outcome"] = json!("PERHAPS");
    // Each is mended before the next is met.
    for (line, bad, words) in [
        (1_001, "{\"actor\":", "EOF"),
        (1_003, "[1]", "invalid"),
        (1_503, &long.to_string(), "actor.name: must have at most 500 characters, has 501"),
        (1_800, &unknown.to_string(), "unknown field `colour`"),
        (1_900, &outcome.to_string(), "`PERHAPS` is none of SUCCESS, FAILURE, DENIED"),
    ] {
        let mut lines = good.clone();
        lines[line - 1] = bad.to_owned();
        let file = write(server, &lines);
        for _ in 0..2 {
            let output = import(server, &file, None);
            let message = binary::stderr(&output);
            assert_eq!((code(&output), text(&output.stdout)), (1, String::new()), "{message}");
            assert!(message.contains(&format!("daybook: line {line}: ")), "{message}");
            assert!(message.contains(words), "{message}");
            assert_eq!(actions(&admin, &acme).await, numbered(line - 1), "before line {line}");
        }
    }
    let output = import(server, &write(server, &good), None);
    assert_eq!(code(&output), 0, "{output:?}");
    assert_eq!(actions(&admin, &acme).await, numbered(2_000), "nothing is doubled");
}

#[on_each_engine]
async fn what_cannot_be_read_or_is_not_there_is_said(server: &TestServer) {
    acme(server).await;
    let missing = import(server, "/nowhere/entries.jsonl", None);
    assert_eq!(code(&missing), 1);
    assert!(binary::stderr(&missing).contains("can't read /nowhere/entries.jsonl"), "{missing:?}");
    let endless = write(server, &["x".repeat(1024 * 1024 + 1)]);
    let endless = import(server, &endless, None);
    assert_eq!(code(&endless), 1);
    assert!(binary::stderr(&endless).contains("line 1: is longer than"), "{endless:?}");
    let mut command = binary::daybook_of(server);
    let stranger =
        command.args(["import", "audit-logs", "--organization", "nobody", "-"]).output().unwrap();
    assert_eq!(code(&stranger), 1);
    assert!(binary::stderr(&stranger).contains("there is no organization nobody"), "{stranger:?}");
}

async fn acme(server: &TestServer) -> (String, Client) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    (acme, admin)
}

/// Lines with the actions `line.1`, `line.2` …
fn lines(count: usize) -> Vec<String> {
    (1..=count).map(line).collect()
}

/// A line whose timestamp, and so its content, is its own.
fn line(number: usize) -> String {
    let mut line = entry(&format!("line.{number}"));
    let (minute, second) = (number / 60 % 60, number % 60);
    line["timestamp"] = json!(format!("2026-01-01T{:02}:{minute:02}:{second:02}Z", number / 3_600));
    line.to_string()
}

fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("line.{number}")).collect()
}

fn write(server: &TestServer, lines: &[String]) -> String {
    let path = server.folder().join("entries.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn import(server: &TestServer, file: &str, input: Option<&str>) -> Output {
    import_with(server, &[file], input)
}

fn import_with(server: &TestServer, arguments: &[&str], input: Option<&str>) -> Output {
    let mut command = binary::daybook_of(server);
    command.args(["import", "audit-logs", "--organization", "acme"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The actions of the imported entries in the log's order.
async fn actions(client: &Client, organization: &str) -> Vec<String> {
    let mut actions = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = client.query(ACTIONS, json!({ "id": organization, "after": after })).await;
        let page = &page["auditLogs"];
        for node in page["nodes"].as_array().unwrap() {
            assert_eq!(node["actor"]["externalId"], "ada");
            assert!(node["recordedBy"].as_str().unwrap().starts_with("os-user:"), "{node}");
            actions.push(node["action"].as_str().unwrap().to_owned());
        }
        if page["pageInfo"]["hasNextPage"] == false {
            assert_eq!(page["totalCount"], actions.len());
            return actions;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}
