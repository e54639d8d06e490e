//! Reads on a real streaming replica: it lags, goes away, comes back and becomes another database.

use daybook_entity::membership::Role;
use daybook_tests::{
    Client, Cluster, Standby, TestDatabase, TestServer, Value, entry, eventually, json,
};

/// The last column of every statement that reads entries.
const ENTRIES: &str = r#"FROM "audit_logs""#;

const PAGE: &str = "query($org: ID!, $after: String, $first: Int = 10) {
    auditLogs(organizationId: $org, first: $first, after: $after) {
        totalCount pageInfo { hasNextPage endCursor } nodes { sequence action } } }";

/// Counts the reads that were answered by the replica, by the primary because the replica lagged, and by the
/// primary because the replica was unreachable.
async fn answers(url: &str) -> [u64; 3] {
    let text = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    ["replica", "primary_replica_behind", "primary_replica_away"].map(|answer| {
        let name = format!("daybook_replica_reads_total{{answer=\"{answer}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |value| value.parse().unwrap())
    })
}

/// Those of some pages of the log, and its length.
async fn page(client: &Client, org: &str, after: Option<&str>) -> (Vec<u64>, Value) {
    let data = client.query(PAGE, json!({ "org": org, "after": after })).await;
    let nodes = data["auditLogs"]["nodes"].as_array().unwrap();
    let number = |node: &Value| node["sequence"].as_str().unwrap().parse().unwrap();
    (nodes.iter().map(number).collect(), data["auditLogs"].clone())
}

/// Asks for first pages until the replica answers one.
async fn caught_up(server: &TestServer, client: &Client, org: &str) {
    eventually("an answer of the replica", 60, async || {
        let before = answers(&server.url("")).await[0];
        page(client, org, None).await;
        (answers(&server.url("")).await[0] > before).then_some(())
    })
    .await;
}

async fn start(cluster: &Cluster) -> (TestDatabase, Standby<'_>, String) {
    let database = TestDatabase::create_on(cluster.url.clone()).await;
    let standby = Standby::of(cluster).await;
    let replica = standby.url(&database.url);
    (database, standby, replica)
}

/// Asserts that an acknowledged entry is on the next page, counted and found.
async fn late_entry_is_found(admin: &Client, acme: &str, length: u64, number: u64) {
    let recorded = entry(&format!("late.n{number}"));
    admin.record_entries(acme, json!([recorded])).await;
    let (sequences, connection) = page(admin, acme, None).await;
    assert_eq!(sequences[0], length + number);
    assert_eq!(connection["totalCount"].as_u64(), Some(length + number));
    let filter = json!({ "search": format!("n{number}") });
    let query = "query($org: ID!, $filter: AuditLogFilter) {
        auditLogs(organizationId: $org, filter: $filter) { nodes { sequence } }
        auditLogHistogram(organizationId: $org, filter: $filter, buckets: 1) { count }
        auditLogValues(organizationId: $org, facet: ACTION, prefix: \"late\", first: 100) }";
    let data = admin.query(query, json!({ "org": acme, "filter": filter })).await;
    assert_eq!(data["auditLogs"]["nodes"].as_array().unwrap().len(), 1, "{data}");
    assert_eq!(data["auditLogHistogram"][0]["count"], 1, "{data}");
    let values = data["auditLogValues"].as_array().unwrap();
    assert_eq!(values.len() as u64, number, "{data}");
}

async fn late_note_is_found(admin: &Client, acme: &str) {
    let workspace = admin.create_workspace(acme, "docs").await;
    admin.create_note(&workspace, json!({ "path": "late" })).await;
    let query = "query($org: ID!) { organization(id: $org) {
        workspaces { totalCount nodes { name notes { totalCount nodes { path } } } } } }";
    let data = admin.query(query, json!({ "org": acme })).await;
    let notes = json!({ "totalCount": 1, "nodes": [{ "path": "late" }] });
    let workspaces = json!({ "totalCount": 1, "nodes": [{ "name": "docs", "notes": notes }] });
    assert_eq!(data["organization"]["workspaces"], workspaces);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lagging_replica_never_answers_for_what_it_lacks() {
    let cluster = Cluster::start();
    let (database, standby, replica) = start(&cluster).await;
    let server =
        TestServer::start_idle_on(database, |config| config.database_replica_url = Some(replica));
    let server = server.await;
    let (acme, other) = (server.organization("acme").await, server.organization("other").await);
    let admin = server.client(&acme, Role::Admin).await;
    server.set_member(&other, "admin", Role::Admin).await;
    admin.record(&acme, 40).await;

    caught_up(&server, &admin, &acme).await;
    assert!(standby.asked(ENTRIES) > 0, "the replica was not asked");
    let (first, connection) = page(&admin, &acme, None).await;
    let (length, cursor) = (first[0], connection["pageInfo"]["endCursor"].clone());
    caught_up(&server, &admin, &other).await;

    standby.pause().await;
    let asked = standby.asked(ENTRIES);
    let before = answers(&server.url("")).await;
    for number in 1..=20 {
        late_entry_is_found(&admin, &acme, length, number).await;
    }
    // A cursor goes on after its entry, whoever gave it.
    let (next, _) = page(&admin, &acme, cursor.as_str()).await;
    assert_eq!(next, ((length - 19)..=(length - 10)).rev().collect::<Vec<_>>());
    late_note_is_found(&admin, &acme).await;
    let lagged = answers(&server.url("")).await;
    assert_eq!(standby.asked(ENTRIES), asked, "the replica has answered what it lacks");
    assert_eq!(lagged[0], before[0]);
    assert!(lagged[1] >= before[1] + 100, "{before:?} {lagged:?}");
    assert_eq!(lagged[2], before[2]);

    // One in which nothing has changed is still answered by it.
    page(&admin, &other, None).await;
    assert_eq!(answers(&server.url("")).await[0], lagged[0] + 2);
    // Who may ask is as of now.
    server.remove_member(&other, "admin").await;
    assert_eq!(admin.error(PAGE, json!({ "org": other })).await, "NOT_FOUND");

    standby.resume().await;
    caught_up(&server, &admin, &acme).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let (sequences, connection) = page(&admin, &acme, after.as_deref()).await;
        seen.extend(sequences);
        if connection["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = connection["pageInfo"]["endCursor"].as_str().map(str::to_owned);
    }
    let last = seen[0];
    assert_eq!(seen, (1..=last).rev().collect::<Vec<_>>());
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica_that_is_away_or_another_database_is_done_without() {
    let cluster = Cluster::start();
    let (database, standby, replica) = start(&cluster).await;
    standby.stop();
    // It need not be there from the start.
    let server = TestServer::start_idle_on(database, |config| {
        config.database_replica_url = Some(replica.clone());
    });
    let server = server.await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 5).await;
    let ready = async |status: &str, component: &str| {
        eventually("/readyz", 30, async || {
            let answer = reqwest::get(server.url("/readyz")).await.unwrap();
            assert_eq!(answer.status(), 200);
            let report: Value = answer.json().await.unwrap();
            let is_so = report["components"]["replica"]["status"] == component;
            assert!(!is_so || report["status"] == status, "{report}");
            is_so.then_some(())
        })
        .await;
    };
    ready("degraded", "degraded").await;
    let (sequences, _) = page(&admin, &acme, None).await;
    assert_eq!(answers(&server.url("")).await, [0, 0, 2]);

    standby.start_again();
    caught_up(&server, &admin, &acme).await;
    ready("ready", "ok").await;
    assert_eq!(page(&admin, &acme, None).await.0, sequences);
    // Connections that are lent die unnoticed.
    standby.stop();
    assert_eq!(page(&admin, &acme, None).await.0, sequences);
    ready("degraded", "degraded").await;
    standby.start_again();
    caught_up(&server, &admin, &acme).await;

    // Whoever fails over to it by mistake makes another log of it, with the same numbers.
    standby.promote().await;
    let elsewhere = server.start_node(|config| {
        config.database_url = Some(replica.clone());
        config.database_replica_url = None;
    });
    let elsewhere = elsewhere.await;
    let theirs = server.client_at(&elsewhere, "admin");
    theirs.record_entries(&acme, json!([entry("theirs"), entry("theirs")])).await;
    let before = answers(&server.url("")).await;
    admin.record_entries(&acme, json!([entry("ours")])).await;
    let (ours, connection) = page(&admin, &acme, None).await;
    assert_eq!((ours[0], &connection["nodes"][0]["action"]), (sequences[0] + 1, &json!("ours")));
    let after = answers(&server.url("")).await;
    assert_eq!(after, [before[0], before[1] + 2, before[2]]);
    elsewhere.stop().await.unwrap();
    server.finish().await;
}
