//! A backup of an earlier schema is restored: into that schema, which is then migrated on.

use std::path::Path;

use daybook_entity::{audit_log, membership::Role};
use daybook_service::hex;
use daybook_tests::{
    Backend, TestDatabase, TestServer, binary, entry, json, on_each_engine, raw_organization,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Statement};
use sha2::{Digest, Sha256};

use super::{Copy, finished, on_host, start};

const SEARCH: &str = "m20261130_000002_search";
const MANIFEST: &str = "-- daybook: manifest\n";

fn restore(server: &TestServer, file: &Path, url: &str, more: &[&str]) -> std::process::Output {
    let mut command = binary::daybook(server.folder());
    command.arg("restore").arg(file).args(["--into", url]).args(more).output().unwrap()
}

async fn entries(database: &TestDatabase, organization: &str) -> Vec<audit_log::Model> {
    let db = database.connect().await;
    let entries = audit_log::Entity::find()
        .filter(audit_log::Column::OrganizationId.eq(raw_organization(organization)))
        .filter(audit_log::Column::Action.starts_with("test."))
        .order_by_asc(audit_log::Column::Sequence);
    let entries = entries.all(&db).await.unwrap();
    db.close().await.unwrap();
    entries
}

async fn migrations(database: &TestDatabase) -> Vec<String> {
    let db = database.connect().await;
    let sql = "SELECT version FROM seaql_migrations ORDER BY version";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let names = rows.unwrap().iter().map(|row| row.try_get("", "version").unwrap()).collect();
    db.close().await.unwrap();
    names
}

/// A backup that says that its schema is that of the first migration.
async fn earlier_backup(server: &TestServer) -> (String, Vec<u8>) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut related = entry("test.related");
    related["relatedResources"] = json!([{ "type": "device", "id": "d9" }]);
    admin.record_entries(&acme, json!([related, entry("test.plain")])).await;
    admin.record(&acme, 30).await;
    let db = server.database.connect().await;
    let forget = format!("DELETE FROM seaql_migrations WHERE version = '{SEARCH}'");
    db.execute_unprepared(&forget).await.unwrap();
    let operator = server.operator().await;
    let payload = start(&operator, json!({})).await;
    let job = finished(&operator, &payload["job"]["id"]).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let know = format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{SEARCH}', 1)");
    db.execute_unprepared(&know).await.unwrap();
    db.close().await.unwrap();
    let bytes = on_host::download(server, job["id"].as_str().unwrap());
    (acme, bytes)
}

#[on_each_engine]
async fn backup_of_an_earlier_schema_is_migrated_on_both_engines(server: &TestServer) {
    let (acme, bytes) = earlier_backup(server).await;
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        !text[text.find(MANIFEST).unwrap()..].contains(SEARCH),
        "it is none of an earlier schema"
    );
    let file = server.folder().join("earlier.sql");
    std::fs::write(&file, &bytes).unwrap();
    let known = entries(&server.database, &acme).await;
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let copy = Copy::empty(backend).await;
        let output = restore(server, &file, &copy.database.url, &[]);
        assert!(output.status.success(), "{}", binary::stderr(&output));
        assert_eq!(migrations(&copy.database).await, daybook_migration::names());
        assert_eq!(entries(&copy.database, &acme).await, known);
        // What the later migration adds is there, and filled when a process starts on it.
        let secret = std::fs::read_to_string(server.folder().join("secret")).unwrap();
        let restored =
            TestServer::start_on_copy(copy.database, |config| config.secret = Some(secret)).await;
        let admin = restored.client_of("admin");
        let query = "query($id: ID!) { auditLogs(organizationId: $id, filter: { search: \"related\" }, first: 5) {
            nodes { action } } }";
        let found = admin.query(query, json!({ "id": acme })).await;
        assert_eq!(found["auditLogs"]["nodes"], json!([{ "action": "test.related" }]));
        let db = restored.database.connect().await;
        let sql =
            "SELECT count(*) AS rows FROM audit_log_search_resources WHERE resource_id = 'd9'";
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
        assert_eq!(row.unwrap().unwrap().try_get::<i64>("", "rows").unwrap(), 1);
        db.close().await.unwrap();
        admin.record(&acme, 3).await;
        restored.stop().await;
    }
}

/// The file with a right content hash and a right sum, as anybody can make them.
fn resealed(text: &str) -> String {
    let (content, manifest) = text.split_at(text.find(MANIFEST).unwrap());
    let mut signed = String::new();
    for line in manifest.lines().filter(|line| !line.starts_with("-- sum ")) {
        let is_content = line.starts_with("-- content ");
        let hash = format!("-- content {}", hex(&Sha256::digest(content)));
        signed += if is_content { &hash } else { line };
        signed.push('\n');
    }
    let sum = hex(&Sha256::digest(&signed));
    format!("{content}{signed}-- sum {sum}\n")
}

/// The sum of the lines' SHA-256, modulo 2^256.
fn checksum(lines: &[String]) -> String {
    let mut sum = [0_u8; 32];
    for line in lines {
        let mut carry = 0;
        for (total, byte) in sum.iter_mut().zip(Sha256::digest(line)).rev() {
            let both = u16::from(*total) + u16::from(byte) + carry;
            (*total, carry) = (both.to_le_bytes()[0], both >> 8);
        }
    }
    hex(&sum)
}

/// The file without some columns of the log, as if later migrations had added them.
fn without_columns(text: &str, left_out: &[&str]) -> String {
    let start = text.find("COPY audit_logs (").unwrap();
    let end = start + text[start..].find("\n\\.\n").unwrap();
    let mut lines = text[start..end].lines();
    let head = lines.next().unwrap();
    let names = head.strip_prefix("COPY audit_logs (").unwrap();
    let names: Vec<_> = names.strip_suffix(") FROM stdin;").unwrap().split(", ").collect();
    let keep = |fields: Vec<&str>| -> Vec<String> {
        let kept = fields.iter().zip(&names).filter(|(_, name)| !left_out.contains(name));
        kept.map(|(field, _)| (*field).to_owned()).collect()
    };
    let head = format!("COPY audit_logs ({}) FROM stdin;", keep(names.clone()).join(", "));
    let rows: Vec<String> = lines.map(|line| keep(line.split('\t').collect()).join("\t")).collect();
    let bytes: usize = rows.iter().map(|row| row.len() + 1).sum();
    let summary = format!("-- table audit_logs {} {bytes} {}", rows.len(), checksum(&rows));
    let changed = format!("{}{head}\n{}{}", &text[..start], rows.join("\n"), &text[end..]);
    let lines = changed.lines().map(|line| match line.strip_prefix("-- table audit_logs ") {
        Some(_) => summary.clone(),
        None => line.to_owned(),
    });
    lines.map(|line| line + "\n").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_that_a_later_migration_added_get_their_defaults() {
    let server = TestServer::start(Backend::Postgres).await;
    let (acme, bytes) = earlier_backup(&server).await;
    let left_out = ["clock_skewed", "related_resources", "user_agent"];
    let text = String::from_utf8(bytes).unwrap();
    let file = server.folder().join("earlier.sql");
    let write = |text: &str| std::fs::write(&file, resealed(text)).unwrap();
    write(&without_columns(&text, &left_out));
    let mut expected = entries(&server.database, &acme).await;
    assert!(expected.iter().any(|entry| entry.related_resources != "[]"));
    for entry in &mut expected {
        entry.related_resources = "[]".to_owned();
        entry.clock_skewed = false;
        entry.user_agent = None;
    }
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let copy = Copy::empty(backend).await;
        let output = restore(&server, &file, &copy.database.url, &["--unauthenticated"]);
        assert!(output.status.success(), "{}", binary::stderr(&output));
        assert_eq!(migrations(&copy.database).await, daybook_migration::names());
        assert_eq!(entries(&copy.database, &acme).await, expected);
        copy.drop().await;
    }

    // Only a file of an earlier schema may lack columns, and a column without a default can't be made up.
    let copy = Copy::empty(Backend::Sqlite).await;
    let refused = |text: &str, reason: &str| {
        write(text);
        let output = restore(&server, &file, &copy.database.url, &["--unauthenticated"]);
        let said = binary::stderr(&output);
        assert!(output.status.code() == Some(1) && said.contains(reason), "{reason}: {said}");
    };
    let first = format!("-- migration {}\n", daybook_migration::names()[0]);
    let current = text.replace(&first, &format!("{first}-- migration {SEARCH}\n"));
    refused(&without_columns(&current, &left_out), "the file does not have all its columns");
    refused(&without_columns(&text, &["recorded_at"]), "recorded_at");
    let later = "m20991231_000001_later";
    let newer =
        text.replace(&first, &format!("{first}-- migration {SEARCH}\n-- migration {later}\n"));
    refused(&newer, &format!("newer than this version of Daybook, which does not know {later}"));
    let gap = text.replace(&first, &format!("-- migration {SEARCH}\n"));
    refused(&gap, "lacks migrations that come before");
    refused(&text.replace("(version, applied_at)", "(version, colour)"), "begins no table");
    copy.drop().await;
    server.finish().await;
}
