//! A tenant with heavy reads hardly slows down others.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use daybook_entity::membership::Role;
use daybook_tests::{
    Backend, Client, TestServer, eventually, json, on_each_backend, raw_organization,
};
use sea_orm::{ConnectionTrait, Statement, TransactionTrait};

/// Number of entries in the large log.
const ENTRIES: usize = 200_000;
/// Number of rounds of the other tenants, each of which records and reads a page.
const ROUNDS: usize = 15;
/// Maximum slowdown of requests under load, as a factor.
const MAX_SLOWDOWN: u32 = 10;
/// Time that a busy machine may add.
const GRACE: Duration = Duration::from_secs(5);

/// Entries of an organization, a second apart. Nobody looks at their hashes.
async fn fill(server: &TestServer, organization: &str) {
    let columns = "organization_id, sequence, id, timestamp, recorded_at, recorded_by, actor_type, actor_id, action,
        outcome, resource_type, resource_id, changes, hash";
    let values = "'seed', 'USER', 'ada', 'a.' || n % 7, 'SUCCESS', 'thing', '1', '[]'";
    let sql = match server.backend() {
        Backend::Postgres => format!(
            "INSERT INTO audit_logs ({columns})
             SELECT $1, n + 1000, gen_random_uuid(), to_timestamp(1770000000 + n), to_timestamp(1770000000 + n), {values}, '\\x00'
             FROM generate_series(1, {ENTRIES}) AS n"
        ),
        Backend::Sqlite => format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ENTRIES})
             INSERT INTO audit_logs ({columns})
             SELECT $1, n + 1000, randomblob(16), strftime('%Y-%m-%dT%H:%M:%S', 1770000000 + n, 'unixepoch') || '.000000+00:00',
                 strftime('%Y-%m-%dT%H:%M:%S', 1770000000 + n, 'unixepoch') || '.000000+00:00', {values}, x'00'
             FROM numbers"
        ),
    };
    let db = server.database.connect().await;
    let values = [raw_organization(organization).into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    db.execute_raw(statement).await.unwrap();
    db.close().await.unwrap();
}

/// As many counts as an operation may have, no two of the same.
fn counts() -> String {
    let count = |n| {
        format!(
            "c{n}: auditLogs(organizationId: $id, first: 0, filter: {{ from: \"2020-01-01T00:00:{n:02}Z\", outcome: SUCCESS }}) {{ totalCount }} "
        )
    };
    format!("query($id: ID!) {{ {} }}", (0..60).map(count).collect::<String>())
}

const PAGE: &str =
    "query($id: ID!) { auditLogs(organizationId: $id, filter: { actorId: \"ada\" }, first: 50) {
    nodes { sequence action } } }";

/// Returns the duration of some rounds of recording and reading.
async fn rounds(client: &Client, organization: &str) -> Duration {
    let began = Instant::now();
    for _ in 0..ROUNDS {
        client.record(organization, 5).await;
        client.query(PAGE, json!({ "id": organization })).await;
    }
    began.elapsed()
}

#[allow(clippy::too_many_lines, reason = "a story")]
#[on_each_backend]
async fn counts_of_one_tenant_neither_stall_nor_fail_another(backend: Backend) {
    let server = TestServer::start_idle(backend).await;
    let (acme, other) = (server.organization("acme").await, server.organization("other").await);
    fill(&server, &acme).await;
    let mut heavy = Vec::new();
    for subject in ["eve", "mallory", "trudy"] {
        server.set_member(&acme, subject, Role::Auditor).await;
        heavy.extend(vec![server.client_of(subject); 3]);
    }
    let light = server.client(&other, Role::Admin).await;
    let alone = rounds(&light, &other).await;
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let counting = heavy.iter().map(async |client| {
        while !is_over.load(Ordering::Relaxed) {
            let answer = client.send(&counts(), json!({ "id": acme })).await;
            if answer.body.get("errors").is_some() {
                assert!(
                    ["TIMEOUT", "RATE_LIMITED"].contains(&answer.code().as_str()),
                    "{}",
                    answer.body
                );
            }
            answered.fetch_add(1, Ordering::Relaxed);
        }
    });
    let watching = async {
        // Once it is under way.
        light.query(PAGE, json!({ "id": other })).await;
        let crowded = rounds(&light, &other).await;
        is_over.store(true, Ordering::Relaxed);
        crowded
    };
    let (_, crowded) = tokio::join!(futures::future::join_all(counting), watching);
    println!(
        "alone {alone:?}, beside the counts {crowded:?}, {} operations of them",
        answered.load(Ordering::Relaxed)
    );
    assert!(
        crowded < alone * MAX_SLOWDOWN + GRACE,
        "{alone:?} alone, {crowded:?} beside the counts"
    );
    server.stop().await;
}

#[on_each_backend]
async fn a_hundred_counts_cost_more_than_an_operation_may(backend: Backend) {
    let server = TestServer::start_idle(backend).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 3).await;
    let same = |count| {
        format!(
            "query($id: ID!) {{ {} }}",
            (0..count)
                .map(|n| format!(
                    "c{n}: auditLogs(organizationId: $id, first: 1) {{ totalCount }} "
                ))
                .collect::<String>()
        )
    };
    assert_eq!(admin.error(&same(100), json!({ "id": acme })).await, "QUERY_TOO_COMPLEX");
    let data = admin.query(&same(90), json!({ "id": acme })).await;
    assert!(data["c0"]["totalCount"].as_i64().unwrap() >= 3, "{data}");
    assert!((0..90).all(|n| data[format!("c{n}")] == data["c0"]), "{data}");
    server.finish().await;
}

#[tokio::test]
async fn statement_that_takes_too_long_is_ended_in_the_database() {
    let server = TestServer::start_with(Backend::Postgres, |config| {
        config.server_limits.execution_timeout = Duration::from_millis(700);
    })
    .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let db = server.database.connect().await;
    let held = db.begin().await.unwrap();
    held.execute_unprepared("LOCK TABLE audit_logs IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let query = "query($id: ID!) {
        auditLogs(organizationId: $id, filter: { ipAddress: \"10.0.0.0/8\" }) { totalCount } }";
    let answer = admin.send(query, json!({ "id": acme })).await;
    assert_eq!(answer.code(), "TIMEOUT");
    assert_eq!(answer.body["errors"][0]["extensions"]["retryAfter"], 1);
    // The answer says which condition is missing.
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("add `from` and `to` to the audit log's filter"), "{message}");
    eventually("its statements to end", 20, async || {
        let sql = "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'daybook' AND state = 'active' AND query LIKE 'SELECT%audit_logs%'";
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
        let number: i64 = row.unwrap().try_get("", "number").unwrap();
        (number == 0).then_some(())
    })
    .await;
    held.rollback().await.unwrap();
    db.close().await.unwrap();
    server.finish().await;
}
