//! `daybook restore`: into either engine, or refused; and what a Daybook makes of the result.

use std::{
    path::Path,
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use daybook_entity::{artifact, audit_log, job, membership::Role};
use daybook_tests::{
    Backend, TestDatabase, TestServer, Value, binary, json, on_each_engine, raw_organization,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use super::{Copy, finished, hostile::write_notes, instance_backed_up, on_host, start};
use crate::exports::hostile_entries;

fn restore(folder: &Path, file: &Path, url: &str, more: &[&str]) -> Output {
    let mut command = binary::daybook(folder);
    command.arg("restore").arg(file).args(["--into", url]).args(more).output().unwrap()
}

fn restore_surely(server: &TestServer, file: &Path, url: &str) {
    let output = restore(server.folder(), file, url, &[]);
    assert!(output.status.success(), "{}", binary::stderr(&output));
    // Nothing else: no warning, no line of sqlx.
    let said = binary::stderr(&output);
    assert!(
        said.starts_with("daybook: using the database ") && said.lines().count() == 1,
        "{said}"
    );
}

fn refused(output: &Output, reason: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", binary::stderr(output));
    assert!(binary::stderr(output).contains(reason), "{}", binary::stderr(output));
}

/// Every entry of a log, as an entity: the same on both engines.
async fn entries(database: &TestDatabase, organization: &str) -> Vec<audit_log::Model> {
    let db = database.connect().await;
    let entries = audit_log::Entity::find()
        .filter(audit_log::Column::OrganizationId.eq(raw_organization(organization)))
        .order_by_asc(audit_log::Column::Sequence);
    let entries = entries.all(&db).await.unwrap();
    db.close().await.unwrap();
    entries
}

fn other(backend: Backend) -> Backend {
    match backend {
        Backend::Sqlite => Backend::Postgres,
        Backend::Postgres => Backend::Sqlite,
    }
}

#[on_each_engine]
async fn backup_is_restored_on_both_engines_and_back(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record_entries(&acme, json!(hostile_entries())).await;
    write_notes(&server.database, &acme, &["\n\\.\n'\r\n\t😀".to_owned(), "x".repeat(1024 * 1024)])
        .await;
    let (job, bytes) = instance_backed_up(server, json!({ "compression": "ZSTD" })).await;
    assert!(job["artifact"]["fileName"].as_str().unwrap().ends_with(".sql.zst"));
    let known = entries(&server.database, &acme).await;

    let mut file = server.folder().join("backup.sql.zst");
    std::fs::write(&file, &bytes).unwrap();
    for backend in [server.backend(), other(server.backend()), server.backend()] {
        let copy = Copy::empty(backend).await;
        restore_surely(server, &file, &copy.database.url);
        let found = entries(&copy.database, &acme).await;
        assert!(found.len() > 30 && known.len() >= found.len());
        for entry in &found {
            assert!(known.contains(entry), "{entry:?}");
        }
        // Backed up from there, it goes on to the next engine.
        let secret = std::fs::read_to_string(server.folder().join("secret")).unwrap();
        let next =
            TestServer::start_on_copy(copy.database, |config| config.secret = Some(secret)).await;
        let (again, bytes) = instance_backed_up(&next, json!({ "compression": "GZIP" })).await;
        for table in ["notes", "workspaces", "organizations", "memberships", "recordings"] {
            let checksum = |job: &Value| {
                let tables = job["tables"].as_array().unwrap();
                tables.iter().find(|found| found["name"] == table).unwrap()["checksum"].clone()
            };
            assert_eq!(checksum(&again), checksum(&job), "{table} on {backend:?}");
        }
        file = server.folder().join("again.sql.gz");
        std::fs::write(&file, &bytes).unwrap();
        next.stop().await;
    }
}

#[on_each_engine]
async fn what_was_unfinished_is_not_done_again(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 10).await;
    let (_, bytes) = instance_backed_up(server, json!({})).await;
    let copy = Copy::empty(server.backend()).await;
    restore_surely(server, &copy.keep("backup.sql", &bytes), &copy.database.url);
    let secret = std::fs::read_to_string(server.folder().join("secret")).unwrap();
    let restored =
        TestServer::start_on_copy(copy.database, |config| config.secret = Some(secret)).await;
    let db = restored.database.connect().await;
    let jobs = job::Entity::find().all(&db).await.unwrap();
    assert_eq!(jobs.len(), 1, "the backup itself");
    assert_eq!(jobs[0].state, job::JobState::Canceled);
    daybook_tests::invariants::logs(&db).await;
    daybook_tests::invariants::jobs(&db).await;
    let (_, _) = instance_backed_up(&restored, json!({})).await;
    assert_eq!(artifact::Entity::find().count(&db).await.unwrap(), 1);
    db.close().await.unwrap();
    restored.stop().await;
}

#[on_each_engine]
async fn wrong_target_or_secret_is_refused(server: &TestServer) {
    let (_, bytes) = instance_backed_up(server, json!({})).await;
    let copy = Copy::empty(server.backend()).await;
    let file = copy.keep("backup.sql", &bytes);

    refused(&restore(server.folder(), &file, &server.database.url, &[]), "is not empty");
    let elsewhere = tempfile::TempDir::new().unwrap();
    std::fs::write(elsewhere.path().join("secret"), "x".repeat(40)).unwrap();
    refused(&restore(elsewhere.path(), &file, &copy.database.url, &[]), "another secret");
    refused(&restore(server.folder(), &file, "mysql://x/y", &[]), "neither sqlite: nor postgres:");
    let text = String::from_utf8(bytes).unwrap();
    let older = text.replace("m20261130_000002_search", "m20260101_000001_older");
    let older = copy.keep("older.sql", older.as_bytes());
    refused(&restore(server.folder(), &older, &copy.database.url, &[]), "can't restore ");

    let bare = tempfile::TempDir::new().unwrap();
    let output = restore(bare.path(), &file, &copy.database.url, &[]);
    assert!(output.status.success(), "{}", binary::stderr(&output));
    assert!(binary::stderr(&output).contains("its origin is not verified"));
    assert!(!bare.path().join("secret").exists(), "a secret was made");
    refused(&restore(server.folder(), &file, &copy.database.url, &[]), "is not empty");
    copy.drop().await;
}

#[on_each_engine]
async fn recording_goes_on_and_each_copy_is_one_moment(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let operator = server.operator().await;
    admin.record(&acme, 500).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (writer, organization, stopping) = (admin.clone(), acme.clone(), Arc::clone(&stop));
    let mut writing = tokio::task::JoinSet::new();
    writing.spawn(async move {
        let mut count = 0;
        while !stopping.load(Relaxed) {
            writer.record(&organization, 20).await;
            count += 1;
        }
        count
    });
    for _ in 0..3 {
        let payload = start(&operator, json!({})).await;
        let job = finished(&operator, &payload["job"]["id"]).await;
        assert_eq!(job["state"], "SUCCEEDED", "{job}");
        let bytes = on_host::download(server, job["id"].as_str().unwrap());
        let copy = Copy::empty(server.backend()).await;
        copy.load_surely(&copy.keep("backup.sql", &bytes));
        let db = copy.database.connect().await;
        // Heads and entries, jobs and events: written together, so together or not at all.
        daybook_tests::invariants::logs(&db).await;
        daybook_tests::invariants::jobs(&db).await;
        db.close().await.unwrap();
        copy.drop().await;
    }
    stop.store(true, Relaxed);
    assert!(writing.join_next().await.unwrap().unwrap() > 3, "nothing was recorded meanwhile");
}

#[on_each_engine]
async fn schema_of_a_loaded_copy_is_that_of_the_source(server: &TestServer) {
    let (_, bytes) = instance_backed_up(server, json!({})).await;
    let copy = Copy::empty(server.backend()).await;
    copy.load_surely(&copy.keep("backup.sql", &bytes));
    let (source, loaded) = (server.database.connect().await, copy.database.connect().await);
    let backend = server.backend();
    assert_eq!(
        crate::migration::objects(&loaded, backend).await,
        crate::migration::objects(&source, backend).await
    );
    assert_eq!(
        crate::migration::tables(&loaded, backend).await,
        crate::migration::tables(&source, backend).await
    );
    let change = loaded.execute_unprepared("DELETE FROM audit_logs").await;
    let change = match change {
        Ok(done) => done.rows_affected() > 0,
        Err(_) => false,
    };
    assert!(!change, "the log of the copy is not append-only");
    for db in [source, loaded] {
        db.close().await.unwrap();
    }
    copy.drop().await;
}
