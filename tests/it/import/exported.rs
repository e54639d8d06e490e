//! What an organization exports, another one imports: every value comes back as it was.

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, Value, binary, json, on_each_engine};

use super::{acme, code, import_with};
use crate::exports::{export, hostile, hostile_entries, input};

/// Members that Daybook adds to each entry.
const ADDED: [&str; 6] = ["id", "sequence", "recordedAt", "clockSkewed", "recordedBy", "hash"];

/// The lines of an export, without what Daybook adds, and otherwise as they are written.
fn without_added(lines: &[u8]) -> Vec<String> {
    let lines = std::str::from_utf8(lines).unwrap().lines();
    let strip = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let mut rest = line.to_owned();
        for name in ADDED {
            let member = format!("\"{name}\":{},", value[name]);
            let last = format!(",\"{name}\":{}", value[name]);
            let found = if rest.contains(&member) { member } else { last };
            assert_eq!(rest.matches(&found).count(), 1, "{name}: {line}");
            rest = rest.replace(&found, "");
        }
        rest
    };
    lines.map(strip).collect()
}

#[on_each_engine]
async fn values_of_an_export_come_back_exactly(server: &TestServer) {
    let (acme, _) = acme(server).await;
    let globex = server.organization("globex").await;
    let admin = server.client(&globex, Role::Admin).await;
    server.set_member(&acme, "admin", Role::Admin).await;
    let mut entries = hostile_entries();
    // Entries without a timestamp have the time of their recording; then the file says it.
    entries.extend(entries.clone());
    let total = entries.len();
    for entries in entries.chunks(20) {
        admin.record_entries(&globex, json!(entries)).await;
    }
    let exact = "[9007199254740993,1.50,1E300,-0,{\"b\":1,\"a\":\"\\u00e9\"}]";
    let line = format!(
        r#"{{"action":"hostile.exact","actor":{{"id":"a"}},"resource":{{"type":"t","id":"i"}},"metadata":{{"extra":{exact}}}}}"#
    );
    let mut command = binary::daybook_of(server);
    let file = server.folder().join("exact.jsonl");
    std::fs::write(&file, line).unwrap();
    let exact_input = command.args(["import", "audit-logs", "--organization", "globex"]).arg(&file);
    binary::stdout(exact_input);

    let filter = hostile();
    let exported = export(&admin, input(&globex, &filter, "RECORDED_ASC", "JSONL")).await.bytes;
    let array = export(&admin, input(&globex, &filter, "RECORDED_ASC", "JSON")).await.bytes;
    let expected = without_added(&exported);
    assert_eq!(expected.len(), total + 1);
    assert!(expected.last().unwrap().contains(exact), "{:?}", expected.last());
    for (name, bytes, counts) in [
        ("lines", &exported, format!("{} recorded, 0 already there", total + 1)),
        ("array", &array, format!("0 recorded, {} already there", total + 1)),
    ] {
        let file = server.folder().join(name);
        std::fs::write(&file, bytes).unwrap();
        let output = import_with(server, &[file.to_str().unwrap()], None);
        let said = binary::stderr(&output);
        assert_eq!(code(&output), 0, "{said}");
        assert!(said.contains(&counts), "{name}: {said}");
    }
    let back = export(&admin, input(&acme, &filter, "RECORDED_ASC", "JSONL")).await.bytes;
    assert_eq!(without_added(&back), expected);
}
