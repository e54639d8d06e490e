//! Every statement that the service sends names the organization wherever it uses a tenant's table: so the
//! same schema can be distributed by organization, and no forgotten condition mixes tenants.

mod log;
mod rule;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use daybook_entity::membership::Role;
use daybook_service::{janitor, retention};
use daybook_tests::{
    Backend, Client, TestDatabase, TestServer, Value, binary,
    fields::{OPERATIONS, Things, ask, verdict},
    json,
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use self::rule::uses;

/// Statements that don't belong to one organization: the tables, a part of the statement, and the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "memberships",
        r#"WHERE "memberships"."subject" = $1 ORDER"#,
        "the viewer's own, of all organizations",
    ),
    ("api_keys", r#"WHERE "api_keys"."prefix" = $1 LIMIT"#, "a credential tells its organization"),
    (
        "jobs",
        r#"WHERE "jobs"."kind" IN ($1, $2) ORDER BY "jobs"."created_at" DESC"#,
        "operators' list",
    ),
    ("jobs", r#"FROM "jobs" WHERE "jobs"."kind" IN ($1, $2)) AS "sub_query""#, "operators' count"),
    ("jobs", "WITH RECURSIVE waiting", "whoever claims asks who waits, each in turn"),
    ("jobs", r#""lease_until" < $4 ORDER BY "jobs"."lease_until" ASC"#, "leases that ran out"),
    ("jobs", r#"COUNT("jobs"."id") AS "number" FROM "jobs" WHERE "jobs"."state" IN"#, "metrics"),
    ("jobs", r#"MIN("jobs"."available_at") AS "oldest""#, "metrics"),
    (
        "job_events",
        r#"ON "job_events"."feed" = "job_feed"."feed""#,
        "the feed's end, which is the instance's",
    ),
    (
        "job_events",
        r#"WHERE "job_events"."at" < $1 ORDER BY "job_events"."feed" DESC"#,
        "the janitor",
    ),
    ("job_events", r#"DELETE FROM "job_events" WHERE "job_events"."feed" <= $1"#, "the janitor"),
    ("artifacts", r#""removed_at" IS NULL AND "artifacts"."expires_at" <= $1"#, "the janitor"),
    ("retentions", r#""pruned_hash" FROM "retentions""#, "the janitor"),
    (
        "audit_log_heads, retentions",
        "FROM audit_log_heads) - (SELECT coalesce(sum(pruned), 0)::bigint FROM retentions)",
        "operators' backup",
    ),
    (ANY, "SELECT count(*) FROM ", "operators' backup"),
    (ANY, "COPY ", "operators' backup"),
];

/// Another one, which only comes where a watcher looks while there is something new.
const AT_TIMES: (&str, &str, &str) = (
    "job_events",
    r#"WHERE "job_events"."feed" = $1 LIMIT"#,
    "the feed's end, which is the instance's",
);

/// Stands for all rows of any table.
const ANY: &str = "any";

/// First words of statements that read and write no rows.
const OTHER: &[&str] = &[
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "SET",
    "SHOW",
    "LISTEN",
    "UNLISTEN",
    "NOTIFY",
    "CREATE",
    "ALTER",
    "DROP",
    "DO",
    "TRUNCATE",
    "COMMENT",
];

fn excuses((table, part, _): &(&str, &str, &str), sql: &str, without: &BTreeSet<String>) -> bool {
    match *table {
        ANY => sql.starts_with(part) && !sql.contains(" WHERE ") && without.len() == 1,
        tables => sql.contains(part) && without.iter().eq(tables.split(", ")),
    }
}

/// Tables whose rows belong to organizations.
async fn tenants(database: &TestDatabase) -> BTreeSet<String> {
    let db = database.connect().await;
    let sql = "SELECT table_name::text FROM information_schema.columns
        WHERE column_name = 'organization_id' AND table_schema = 'public'";
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    let tenants = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    db.close().await.unwrap();
    tenants
}

fn daybook(server: &TestServer, arguments: &[&str]) {
    binary::stdout(binary::daybook_of(server).args(arguments));
}

/// Runs at least one operation of each kind.
async fn do_everything(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let things = Things::of(&admin, &acme, "acme").await;
    for operation in OPERATIONS {
        let answer = ask(server, admin.token.as_deref(), operation, things.variables()).await;
        let verdict = verdict(&answer);
        assert!(["OK", "CONFLICT"].contains(&verdict.as_str()), "{}: {answer}", operation.name);
    }
    read_the_log(&admin, &acme).await;
    use_keys(server, &admin, &acme).await;
    work(&admin, &acme).await;
    let operator = server.operator().await;
    operator
        .query("{ jobs(first: 1) { totalCount nodes { id } pageInfo { endCursor } } }", json!({}))
        .await;
    back_up_everything(&operator).await;
    command_line(server);
    let http = reqwest::Client::new();
    for path in ["/metrics", "/readyz"] {
        http.get(server.url(path)).send().await.unwrap();
    }
    server.clock.advance(Duration::from_secs(60 * 24 * 3600));
    // Twice: what has expired is removed, then forgotten.
    for _ in 0..2 {
        retention::prune(&server.instance().core).await.unwrap();
        janitor::sweep(&server.instance().core).await.unwrap();
    }
}

async fn read_the_log(admin: &Client, acme: &str) {
    let page = "query($id: ID!, $order: AuditLogOrder!, $filter: AuditLogFilter, $after: String) {
        auditLogs(organizationId: $id, orderBy: $order, filter: $filter, first: 2, after: $after) {
            totalCount tailCursor nodes { id } pageInfo { endCursor hasPreviousPage }
        }
    }";
    for order in ["RECORDED_ASC", "RECORDED_DESC", "TIMESTAMP_ASC", "TIMESTAMP_DESC"] {
        for filter in [
            json!({}),
            json!({ "search": "ada make" }),
            json!({ "action": "test.*", "actorId": "ada" }),
        ] {
            let mut variables = json!({ "id": acme, "order": order, "filter": filter });
            let first = admin.query(page, variables.clone()).await;
            variables["after"] = first["auditLogs"]["pageInfo"]["endCursor"].clone();
            admin.query(page, variables).await;
        }
    }
    let histogram = "query($id: ID!, $filter: AuditLogFilter) {
        auditLogHistogram(organizationId: $id, filter: $filter) { count }
    }";
    for filter in [json!({}), json!({ "search": "ada make" })] {
        admin.query(histogram, json!({ "id": acme, "filter": filter })).await;
    }
    let organization = "query($id: ID!) { organization(id: $id) {
        exportQuota { remaining } members(first: 1) { totalCount nodes { subject } }
        apiKeys(first: 1) { totalCount nodes { id } }
        workspaces(first: 1) { totalCount nodes { notes(first: 1) { totalCount nodes { body } } } }
    } }";
    admin.query(organization, json!({ "id": acme })).await;
}

async fn use_keys(server: &TestServer, admin: &Client, acme: &str) {
    let key = admin.create_api_key(acme, "WRITER", json!({})).await;
    let writer = Client::new(server.url(""), key["key"].as_str().map(str::to_owned));
    let input = json!({
        "organizationId": acme, "idempotencyKey": "once", "entries": [daybook_tests::entry("test.key")],
    });
    let record = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) {
        auditLogs { sequence } userErrors { code }
    } }";
    for _ in 0..2 {
        writer.query(record, json!({ "input": input })).await;
    }
}

/// Exports of each kind, and a backup that is restored on trial.
async fn work(admin: &Client, acme: &str) {
    admin.record(acme, 300).await;
    let mut jobs = Vec::new();
    for format in ["CSV", "PARQUET", "XLSX"] {
        let input = json!({
            "organizationId": acme, "format": format, "idempotencyKey": format, "source": { "auditLogs": {} },
        });
        for _ in 0..2 {
            jobs.push(admin.start_export(input.clone()).await["job"]["id"].clone());
        }
    }
    let start = "mutation($id: ID!) { startBackup(input: { organizationId: $id, verify: true }) { job { id } } }";
    let started: Value = admin.query(start, json!({ "id": acme })).await;
    jobs.push(started["startBackup"]["job"]["id"].clone());
    for job in jobs {
        let job = admin.finished(job.as_str().unwrap()).await;
        assert_eq!(job["state"], "SUCCEEDED", "{job}");
        admin.download(job["artifact"]["downloadUrl"].as_str().unwrap()).await;
    }
}

async fn back_up_everything(operator: &Client) {
    let start =
        "mutation { startBackup(input: { verify: true }) { job { id } userErrors { message } } }";
    let started = operator.query(start, json!({})).await;
    let job = operator.finished(started["startBackup"]["job"]["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
}

fn command_line(server: &TestServer) {
    daybook(server, &["organization", "create", "globex", "--name", "Globex"]);
    daybook(server, &["token", "--organization", "acme", "--role", "auditor", "--subject", "bob"]);
    daybook(server, &["member", "list", "--organization", "acme"]);
    daybook(server, &["member", "remove", "--organization", "acme", "bob"]);
    daybook(server, &["retention", "set", "--organization", "acme", "--days", "7"]);
    daybook(server, &["retention", "show", "--organization", "acme"]);
    daybook(
        server,
        &["hold", "place", "--organization", "acme", "--reason", "a lawsuit", "case-7"],
    );
    daybook(server, &["hold", "list", "--organization", "acme"]);
    daybook(server, &["hold", "release", "--organization", "acme", "case-7"]);
}

/// Starts a server on a database that logs the statements that it receives.
async fn observed(folder: &Path) -> TestServer {
    let database = TestDatabase::create(Backend::Postgres, folder).await;
    binary::stdout(
        binary::daybook(folder).args(["migrate", "up"]).env("DAYBOOK_DATABASE_URL", &database.url),
    );
    log::begin(&database).await;
    TestServer::start_on_copy(database, |_| {}).await
}

/// Until it is vacuumed, an index leads to each entry that was removed: whoever begins before them would
/// step over all of them, each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_begins_before_what_is_kept() {
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let server = observed(folder.path()).await;
    let acme = server.organization("acme").await;
    server.client(&acme, Role::Admin).await.record(&acme, 30).await;
    daybook(&server, &["retention", "set", "--organization", "acme", "--days", "7"]);
    server.clock.advance(Duration::from_secs(60 * 24 * 3600));
    retention::prune(&server.instance().core).await.unwrap();
    read_the_log(&server.client_of("admin"), &acme).await;
    let statements = log::statements(&server.database);
    server.finish().await;

    for (what, bound) in [
        (r#"DELETE FROM "audit_logs""#, r#""sequence" > $"#),
        (r#"DELETE FROM "recordings""#, r#""first_sequence" > $"#),
        ("DELETE FROM audit_log_search", "sequence > $"),
        (r#"ORDER BY "audit_logs"."sequence" ASC LIMIT"#, r#""sequence" > $"#),
    ] {
        let found: Vec<_> = statements.iter().filter(|sql| sql.contains(what)).collect();
        assert!(!found.is_empty(), "{what}: {statements:#?}");
        for sql in found {
            assert!(sql.replace(['(', ')'], "").contains(bound), "{sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_names_the_organization() {
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let server = observed(folder.path()).await;
    do_everything(&server).await;
    let tenants = tenants(&server.database).await;
    let statements = log::statements(&server.database);
    server.finish().await;

    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut with, mut without) = (BTreeSet::new(), Vec::new());
    for sql in &statements {
        let verb = sql.split_whitespace().next().unwrap_or_default().to_uppercase();
        if OTHER.contains(&verb.trim_end_matches(';')) {
            continue;
        }
        let uses = uses(sql, &tenants).unwrap_or_else(|error| panic!("{error}: {sql}"));
        with.extend(uses.with);
        if uses.without.is_empty() {
            continue;
        }
        let mut exceptions = EXCEPTIONS.iter().chain([&AT_TIMES]);
        match exceptions.find(|exception| excuses(exception, sql, &uses.without)) {
            Some((_, part, _)) => *used.entry(part).or_default() += 1,
            None => without.push(format!("{:?}: {sql}", uses.without)),
        }
    }
    assert!(without.is_empty(), "without the organization:\n{}", without.join("\n\n"));
    let idle: Vec<_> = EXCEPTIONS.iter().filter(|(_, part, _)| !used.contains_key(part)).collect();
    assert!(idle.is_empty(), "exceptions of nothing: {idle:?}");
    assert_eq!(with, tenants, "tables of tenants, and those that statements used");
    println!(
        "{} statements, {} of no one organization",
        statements.len(),
        used.values().sum::<usize>()
    );
}
