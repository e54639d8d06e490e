//! `daybook doctor` reports a line for each dependency of an instance, and changes nothing.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    process::{Command, Output},
};

use daybook_entity::membership::Role;
use daybook_service::private::STORE_IDENTITY;
use daybook_tests::{Backend, NatsServer, TestDatabase, TestServer, Value, binary, on_each_engine};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

/// Returns the health and the text of each check by name, and the exit code.
fn examine(command: &mut Command) -> (BTreeMap<String, (String, String)>, i32) {
    let output = command.arg("doctor").output().unwrap();
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    let found = lines.lines().map(|line| {
        let mut words = line.split_whitespace();
        let (health, check) = (words.next().unwrap(), words.next().unwrap());
        (check.to_owned(), (health.to_owned(), words.collect::<Vec<_>>().join(" ")))
    });
    let found: BTreeMap<_, _> = found.collect();
    let is_json = as_json(command.arg("--json").output().unwrap());
    for (check, (health, _)) in &found {
        assert_eq!(&is_json[check], health, "{check}: lines and JSON differ");
    }
    assert_eq!(is_json.len(), found.len());
    (found, output.status.code().unwrap())
}

/// Returns the health of each check from the JSON output.
fn as_json(output: Output) -> BTreeMap<String, String> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ok"], output.status.success(), "{report}");
    let checks = report["checks"].as_array().unwrap();
    let health = |check: &Value| {
        let health = check["health"].as_str().unwrap().to_owned();
        assert_eq!(
            check["advice"].is_string(),
            health != "ok",
            "{check}: what to do, where anything is"
        );
        (check["check"].as_str().unwrap().to_owned(), health)
    };
    checks.iter().map(health).collect()
}

/// Asserts a check's health, a part of its text, and the exit code.
fn says(command: &mut Command, code: i32, check: &str, health: &str, words: &str) {
    let (found, ended) = examine(command);
    let (is, text) = found.get(check).unwrap_or_else(|| panic!("{check}: {found:#?}"));
    assert!(is == health && text.contains(words), "{check}: {is} {text}");
    assert_eq!(ended, code, "{found:#?}");
    assert!(!format!("{found:?}").contains("geheim"), "{found:#?}");
}

fn nobody() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[on_each_engine]
async fn healthy_instance_has_nothing_to_complain_of(server: &TestServer) {
    let mut doctor = binary::daybook_of(server);
    let (found, code) = examine(doctor.env("DAYBOOK_PUBLIC_URL", server.url("/")));
    let checks: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(
        checks,
        [
            "append-only",
            "artifacts",
            "clock",
            "configuration",
            "database",
            "disk",
            "files",
            "nats",
            "newest-entry",
            "oidc",
            "public-url",
            "replica",
            "retention",
            "row-security",
            "schema",
            "secret",
            "settings",
            "sharing",
        ]
    );
    assert!(found.values().all(|(health, _)| health == "ok"), "{found:#?}");
    assert_eq!(code, 0);
    let engine = match server.backend() {
        Backend::Sqlite => "SQLite 3.",
        Backend::Postgres => "PostgreSQL 1",
    };
    assert!(found["database"].1.starts_with(engine), "{found:#?}");
    let items = fs::read_dir(server.folder().join("artifacts")).unwrap();
    let left = items.filter(|item| item.as_ref().unwrap().file_name() != STORE_IDENTITY).count();
    assert_eq!(left, 0, "it leaves something in the store");
}

#[on_each_engine]
async fn what_fails_is_told_with_what_to_do(server: &TestServer) {
    let doctor = || binary::daybook_of(server);
    let elsewhere = TempDir::new().unwrap();
    let nobody_there = format!("http://{}", nobody());
    let file = server.folder().join("a-file");
    fs::write(&file, "").unwrap();
    let in_a_file = format!("file:{}", file.display());
    for (check, variable, value, words) in [
        (
            "secret",
            "DAYBOOK_SECRET",
            "another-secret-of-at-least-32-characters",
            "set DAYBOOK_SECRET to the first one",
        ),
        ("secret", "DAYBOOK_SECRET", "geheim", "at least 32 characters"),
        ("secret", "DAYBOOK_DATA_DIR", elsewhere.path().to_str().unwrap(), "there is none here"),
        (
            "public-url",
            "DAYBOOK_PUBLIC_URL",
            nobody_there.as_str(),
            "does not answer at all: start Daybook",
        ),
        ("public-url", "DAYBOOK_PUBLIC_URL", &server.url("/graphql"), "something else answers"),
        (
            "configuration",
            "DAYBOOK_BACKUP_SCHEDULE",
            "soon",
            "DAYBOOK_BACKUP_SCHEDULE is not valid",
        ),
        ("configuration", "DAYBOOK_TRUSTED_DOCUMENTS", "none.json", "none.json can't be used"),
        ("artifacts", "DAYBOOK_ARTIFACTS_URL", &in_a_file, "DAYBOOK_ARTIFACTS_URL"),
        ("nats", "DAYBOOK_NATS_URL", "http://geheim@nats", "a server is nats://HOST:PORT"),
    ] {
        says(doctor().env(variable, value), 1, check, "fail", words);
    }
    let (one, two) = (nobody(), nobody());
    let away = format!("nats://ada:geheim@{one},nats://ada:geheim@{two}");
    says(
        doctor().env("DAYBOOK_NATS_URL", away),
        0,
        "nats",
        "warn",
        "processes hear of each other late",
    );
    let nats = NatsServer::start().await;
    let some = format!("nats://{one},{}", nats.url());
    says(doctor().env("DAYBOOK_NATS_URL", some), 0, "nats", "ok", "went out and came back");
}

#[on_each_engine]
async fn log_that_can_be_changed_or_is_from_the_future_is_told(server: &TestServer) {
    let doctor = || binary::daybook_of(server);
    let acme = server.organization("acme").await;
    says(&mut doctor(), 0, "append-only", "ok", "refuses to change or remove");
    says(&mut doctor(), 0, "newest-entry", "ok", "was recorded at");
    says(&mut doctor(), 0, "secret", "ok", "fingerprint ");
    server.clock.advance(std::time::Duration::from_secs(3600));
    server.client(&acme, Role::Admin).await;
    says(&mut doctor(), 0, "newest-entry", "warn", "by NTP");
    let db = server.database.connect().await;
    let sql = match server.backend() {
        Backend::Sqlite => "DROP TRIGGER audit_logs_no_update",
        Backend::Postgres => "ALTER TABLE audit_logs DISABLE TRIGGER audit_logs_no_change",
    };
    db.execute_unprepared(sql).await.unwrap();
    says(&mut doctor(), 1, "append-only", "fail", "entries can be changed: audit_logs_no_");
    db.close().await.unwrap();
}

#[on_each_engine]
async fn provider_that_can_not_be_used_is_told(server: &TestServer) {
    let away = format!("http://{}", nobody());
    let doctor = || {
        let mut doctor = binary::daybook_of(server);
        doctor.env("DAYBOOK_OIDC_AUDIENCE", "daybook");
        doctor
    };
    says(doctor().env("DAYBOOK_OIDC_ISSUER", &away), 1, "oidc", "fail", "DAYBOOK_OIDC_ISSUER");
    says(doctor().env("DAYBOOK_OIDC_ISSUER", "http://example.com"), 1, "oidc", "fail", "https://");
}

#[on_each_engine]
async fn schema_of_another_version_is_told(server: &TestServer) {
    let db = server.database.connect().await;
    db.execute_unprepared(
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m2099_moon', 1)",
    )
    .await
    .unwrap();
    says(
        &mut binary::daybook_of(server),
        1,
        "schema",
        "fail",
        "does not know m2099_moon: run the version",
    );
    let last = daybook_migration::names().pop().unwrap();
    db.execute_unprepared(&format!(
        "DELETE FROM seaql_migrations WHERE version IN ('m2099_moon', '{last}')"
    ))
    .await
    .unwrap();
    says(
        &mut binary::daybook_of(server),
        0,
        "schema",
        "warn",
        "1 migrations are missing: `daybook serve`",
    );
    db.execute_unprepared(&format!(
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('{last}', 1)"
    ))
    .await
    .unwrap();
    db.close().await.unwrap();
}

#[test]
fn nothing_is_made_by_looking() {
    let folder = TempDir::new().unwrap();
    let (found, code) = examine(&mut binary::daybook(folder.path()));
    assert_eq!(code, 0, "{found:#?}");
    for check in ["database", "artifacts"] {
        let (health, text) = &found[check];
        assert!(health == "warn" && text.contains("`daybook serve` creates it"), "{check}: {text}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it left something behind");
}

#[tokio::test]
async fn database_that_would_lose_writes_or_is_away_is_told() {
    let folder = TempDir::new().unwrap();
    let database = TestDatabase::create(Backend::Postgres, folder.path()).await;
    let doctor = |url: &str| {
        let mut doctor = binary::daybook(folder.path());
        doctor.env("DAYBOOK_DATABASE_URL", url);
        doctor
    };
    says(&mut doctor(&database.url), 0, "schema", "warn", "migrations are missing");
    let db = database.connect().await;
    let (_, name) = database.url.rsplit_once('/').unwrap();
    let sql = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    db.execute_unprepared(&sql).await.unwrap();
    db.close().await.unwrap();
    says(&mut doctor(&database.url), 1, "database", "fail", "set synchronous_commit = on");
    let away = format!("postgres://ada:geheim@{}/daybook", nobody());
    says(&mut doctor(&away), 1, "database", "fail", "check that it is running");
    says(&mut doctor("mysql://ada:geheim@db/x"), 1, "database", "fail", "neither sqlite:");
    database.drop().await;
}
