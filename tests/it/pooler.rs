//! Daybook behind a real PgBouncer in transaction mode, where sessions share fewer connections.

use std::collections::BTreeSet;

use daybook_api::{config::Config, server::Duties};
use daybook_entity::membership::Role;
use daybook_service::Database;
use daybook_tests::{Client, Cluster, PgBouncer, TestDatabase, TestServer, Value, entry, json};
use futures::future::join_all;

const WRITERS: usize = 12;
const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pooler_without_a_way_past_it_is_told_what_to_do() {
    let cluster = Cluster::start();
    let pooler = PgBouncer::of(&cluster).await;
    let database = TestDatabase::create_on(cluster.url.clone()).await;
    let error = Database::connect(&pooler.url(&database.url)).await.unwrap_err().to_string();
    assert!(error.contains("DAYBOOK_DATABASE_DIRECT_URL"), "{error}");
    database.drop().await;
}

/// Records and reads back, again and again.
async fn work(client: &Client, organization: &str, writer: usize) {
    for round in 0..ROUNDS {
        let action = format!("pool.w{writer}.r{round}");
        client.record_entries(organization, json!([entry(&action), entry(&action)])).await;
        let query = "query($id: ID!, $filter: AuditLogFilter) {
            auditLogs(organizationId: $id, filter: $filter, first: 1) {
                totalCount nodes { action sequence } } }";
        let filter = json!({ "action": action });
        let data = client.query(query, json!({ "id": organization, "filter": filter })).await;
        let found = &data["auditLogs"];
        assert_eq!(
            (&found["totalCount"], &found["nodes"][0]["action"]),
            (&json!(2), &json!(action))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usual_work_is_done_through_a_pooler_in_transaction_mode() {
    let cluster = Cluster::start();
    let pooler = PgBouncer::of(&cluster).await;
    let database = TestDatabase::create_on(cluster.url.clone()).await;
    share(&pooler, database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_security_is_told_to_each_transaction_behind_a_pooler() {
    let cluster = Cluster::start();
    let database = TestDatabase::create_on(cluster.url.clone()).await.walled().await;
    let pooler = PgBouncer::of_member(&cluster, TestDatabase::ROLE).await;
    share(&pooler, database).await;
}

async fn share(pooler: &PgBouncer, database: TestDatabase) {
    let (direct, pooled) = (database.daybook_url().to_owned(), pooler.url(&database.url));
    let settings = |config: &mut Config| {
        config.database_url = Some(pooled);
        config.database_direct_url = Some(direct);
    };
    let server = TestServer::start_on_copy(database, settings).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let other = server.start_another(Duties::ServeAndWork).await;
    let elsewhere = server.client_at(&other, "admin");

    // Told by the other node's bell, which needs a session.
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    let tail = "query($id: ID!) { auditLogs(organizationId: $id) { tailCursor } }";
    let after = admin.query(tail, json!({ "id": acme })).await["auditLogs"]["tailCursor"].clone();
    let watch = "subscription($id: ID!, $after: String) {
        auditLogRecorded(organizationId: $id, after: $after, filter: { action: \"pool.*\" }) {
            node { action } } }";
    socket.subscribe("1", watch, json!({ "id": acme, "after": after })).await;
    let mut seen = BTreeSet::new();
    let watched = async {
        while seen.len() < WRITERS * ROUNDS {
            let event = socket.data().await["auditLogRecorded"].clone();
            seen.insert(event["node"]["action"].as_str().unwrap().to_owned());
        }
    };
    let writers = (0..WRITERS).map(|writer| {
        let client = if writer % 2 == 0 { &admin } else { &elsewhere };
        work(client, &acme, writer)
    });
    let shared = async {
        join_all(writers).await;
        pooler.is_shared().await;
    };
    futures::join!(watched, shared);

    note_is_read_elsewhere(&admin, &elsewhere, &acme).await;
    export_and_backup_are_whole(&admin, &elsewhere, &acme).await;
    let ready: Value = reqwest::get(server.url("/readyz")).await.unwrap().json().await.unwrap();
    assert_eq!(ready["status"], "ready", "{ready}");
    drop(socket);
    other.stop().await.unwrap();
    server.finish().await;
}

async fn note_is_read_elsewhere(admin: &Client, elsewhere: &Client, acme: &str) {
    let workspace = admin.create_workspace(acme, "docs").await;
    admin.create_note(&workspace, json!({ "path": "a", "body": "# A" })).await;
    let bodies = "query($id: ID!) { organization(id: $id) {
        workspaces { nodes { notes { nodes { path body } } } } } }";
    let data = elsewhere.query(bodies, json!({ "id": acme })).await;
    let notes = &data["organization"]["workspaces"]["nodes"][0]["notes"]["nodes"];
    assert_eq!(*notes, json!([{ "path": "a", "body": "# A" }]));
}

async fn export_and_backup_are_whole(admin: &Client, elsewhere: &Client, acme: &str) {
    let id = |payload: Value| payload["job"]["id"].as_str().unwrap().to_owned();
    let export = admin.finished(&id(admin.export(acme, "CSV").await)).await;
    let file = admin.download(export["artifact"]["downloadUrl"].as_str().unwrap()).await;
    let mut rows = csv::Reader::from_reader(&file[..]);
    let rows = rows
        .records()
        .map(Result::unwrap)
        .filter(|row| row.iter().any(|cell| cell.starts_with("pool.w")));
    assert_eq!(rows.count(), 2 * WRITERS * ROUNDS);
    let start = "mutation($id: ID!) { startBackup(input: { organizationId: $id }) {
        job { id } userErrors { message } } }";
    let started = elsewhere.query(start, json!({ "id": acme })).await["startBackup"].clone();
    let backup = elsewhere.finished(&id(started)).await;
    assert_eq!(backup["state"], "SUCCEEDED", "{backup}");
}
