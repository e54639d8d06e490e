//! Row-level security on PostgreSQL, where Daybook comes as a role that doesn't own the tables: whatever a
//! statement forgets, it neither shows nor takes what is of an organization that the task did not enter.

use std::collections::BTreeSet;

use daybook_entity::membership::Role;
use daybook_service::{Permission, Scope, Viewer, tenancy};
use daybook_tests::{
    TestDatabase, TestServer, binary, entry,
    fields::{OPERATIONS, Things, ask, verdict},
    json, postgres_server, raw_organization,
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use uuid::Uuid;

/// Tables with organizations' rows that have no policy, and why.
const OPEN: [(&str, &str); 4] = [
    ("api_keys", "read before anybody is known"),
    ("memberships", "read before anybody is let in"),
    ("audit_log_search", "a policy would keep searches from its index"),
    ("job_events", "of which nothing is told without its job"),
];

async fn walled() -> TestServer {
    let database = TestDatabase::create_on(postgres_server()).await.walled().await;
    TestServer::start_on_copy(database, |_| {}).await
}

/// The first column of what `sql` gives.
async fn column<T: sea_orm::TryGetable>(db: &impl ConnectionTrait, sql: &str) -> Vec<T> {
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn organizations(db: &impl ConnectionTrait, table: &str) -> BTreeSet<Uuid> {
    let sql = format!("SELECT DISTINCT organization_id FROM {table}");
    column(db, &sql).await.into_iter().collect()
}

async fn tables(db: &impl ConnectionTrait, condition: &str) -> BTreeSet<String> {
    let sql = format!(
        "SELECT relname::text FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
         WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
           AND attname = 'organization_id' AND {condition}"
    );
    column(db, &sql).await.into_iter().collect()
}

/// An organization in which there is a row of everything.
async fn filled(server: &TestServer, slug: &str) -> Uuid {
    let organization = server.organization(slug).await;
    let admin = server.client(&organization, Role::Admin).await;
    let things = Things::of(&admin, &organization, slug).await;
    for operation in OPERATIONS {
        let answer = ask(server, admin.token.as_deref(), operation, things.variables()).await;
        let verdict = verdict(&answer);
        assert!(["OK", "CONFLICT"].contains(&verdict.as_str()), "{}: {answer}", operation.name);
    }
    let keyed = "mutation($input: RecordAuditLogsInput!) {
        recordAuditLogs(input: $input) { userErrors { message } } }";
    let mut keyed_entry = entry("test.keyed");
    keyed_entry["relatedResources"] = json!([{ "type": "device", "id": "7" }]);
    let entries = json!([keyed_entry]);
    let input =
        json!({ "organizationId": organization, "entries": entries, "idempotencyKey": "k" });
    // With a clock that is far behind the log's last entry.
    let behind = std::time::Duration::from_secs(2 * 3_600);
    server.clock.set_back(behind);
    admin.query(keyed, json!({ "input": input })).await;
    server.clock.advance(behind);
    for arguments in [
        &["retention", "set", "--organization", slug, "--days", "400"][..],
        &["hold", "place", "--organization", slug, "--reason", "a lawsuit", "case-7"],
    ] {
        binary::stdout(binary::daybook_of(server).args(arguments));
    }
    let mut line = entry("test.imported");
    line["timestamp"] = json!("2026-01-01T00:00:00Z");
    let file = server.folder().join("lines.jsonl");
    std::fs::write(&file, line.to_string()).unwrap();
    let mut import = binary::daybook_of(server);
    binary::stdout(import.args(["import", "audit-logs", "--organization", slug]).arg(file));
    raw_organization(&organization)
}

async fn let_in(server: &TestServer, organization: Uuid) -> Scope {
    let viewer = Viewer::command_line("test");
    server.instance().enter(&viewer, organization, Permission::ReadAuditLog, &[]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_without_a_policy_are_those_that_are_named() {
    let server = walled().await;
    let owner = server.database.connect().await;
    let open = tables(&owner, "NOT relrowsecurity").await;
    assert_eq!(open, OPEN.iter().map(|(table, _)| (*table).to_owned()).collect());
    let bound = "relrowsecurity AND EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid)";
    assert_eq!(tables(&owner, bound).await, tables(&owner, "relrowsecurity").await);
    owner.close().await.unwrap();
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_condition_shows_and_takes_nothing_of_others() {
    let server = walled().await;
    let (acme, globex) = (filled(&server, "acme").await, filled(&server, "globex").await);
    let instance = server.instance();
    assert!(instance.db.has_row_security());
    let db = instance.db.reader();
    let walled = tables(db, "relrowsecurity").await;
    assert!(walled.len() >= 9, "{walled:?}");
    for table in &walled {
        let all = tenancy::system(organizations(db, table)).await;
        assert!(all.is_superset(&[acme, globex].into()), "{table}: {all:?}");
        let none = organizations(db, table).await;
        assert_eq!(none, [].into(), "{table}, of a task without a context");
        tenancy::closed(async {
            assert_eq!(organizations(db, table).await, [].into(), "{table}, before any is entered");
            let_in(&server, acme).await;
            assert_eq!(organizations(db, table).await, [acme].into(), "{table}");
            let_in(&server, globex).await;
            assert_eq!(organizations(db, table).await, [acme, globex].into(), "{table}");
        })
        .await;
    }
    // Without having asked for the organization itself.
    let quota =
        "{ viewer { memberships { organization { slug exportQuota { limit remaining } } } } }";
    let data = server.client_of("admin").query(quota, json!({})).await;
    for membership in data["viewer"]["memberships"].as_array().unwrap() {
        let quota = &membership["organization"]["exportQuota"];
        assert!(quota["remaining"].as_i64() < quota["limit"].as_i64(), "{membership}");
    }
    tenancy::closed(async {
        let_in(&server, acme).await;
        let changed = db.execute_unprepared("UPDATE holds SET reason = 'none'").await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
        let insert = format!(
            "INSERT INTO holds (organization_id, name, reason, placed_by, placed_at) \
             VALUES ('{globex}', 'case-8', 'none', 'mallory', now())"
        );
        let error = db.execute_unprepared(&insert).await.unwrap_err().to_string();
        assert!(error.contains("row-level security policy"), "{error}");
        // Transactions run in a task of their own, which goes no further.
        let counted = instance.db.transaction((), |tx, ()| {
            Box::pin(async move {
                let sql = "SELECT count(DISTINCT organization_id) FROM jobs";
                let row =
                    tx.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
                Ok(row.unwrap().try_get_by_index::<i64>(0)?)
            })
        });
        assert_eq!(counted.await.unwrap(), 1);
    })
    .await;
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owner_is_bound_where_it_is_forced_and_others_are_told_to_migrate() {
    let server = walled().await;
    let owner = server.database.connect().await;
    let says = |words: &'static str| {
        let server = &server;
        async move {
            let output = binary::daybook_of(server).arg("doctor").output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(said.contains(words), "{said}");
        }
    };
    says("stands behind every statement").await;
    let last = daybook_migration::names().pop().unwrap();
    let forget = format!("DELETE FROM seaql_migrations WHERE version = '{last}'");
    owner.execute_unprepared(&forget).await.unwrap();
    let error = server.config.open(server.clock.clone()).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("daybook migrate up"), "{error}");
    let remember = format!("INSERT INTO seaql_migrations VALUES ('{last}', 0)");
    owner.execute_unprepared(&remember).await.unwrap();
    for (change, words) in [
        (format!("ALTER TABLE {{}} OWNER TO {}", TestDatabase::ROLE), "does not bind"),
        ("ALTER TABLE {} FORCE ROW LEVEL SECURITY".to_owned(), "stands behind every statement"),
    ] {
        for table in tables(&owner, "relrowsecurity").await {
            owner.execute_unprepared(&change.replace("{}", &table)).await.unwrap();
        }
        says(words).await;
    }
    owner.close().await.unwrap();
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 3).await;
    let count = "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"test.*\" }) { totalCount } }";
    assert_eq!(
        admin.query(count, json!({ "id": acme })).await["auditLogs"]["totalCount"],
        json!(3)
    );
    server.finish().await;
}
