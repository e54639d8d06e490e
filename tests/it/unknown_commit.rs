//! Connections that break at COMMIT: Daybook looks up the result, and never repeats the transaction.

use daybook_entity::{audit_log, membership::Role};
use daybook_tests::{Backend, Client, CuttingProxy, TestServer, Value, entry, json};
use futures::future::join_all;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

/// Number of concurrent recordings, several of which share a transaction.
const AT_ONCE: usize = 12;
const ROUNDS: usize = 40;

const RECORD: &str = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) {
    auditLogs { action } replayed userErrors { code }
} }";

/// Records one entry. Returns whether it was acknowledged.
async fn record(
    client: &Client,
    organization: &str,
    action: &str,
    key: Option<&str>,
) -> Option<Value> {
    let input = json!({
        "organizationId": organization, "entries": [entry(action)], "idempotencyKey": key,
    });
    let answer = client.send(RECORD, json!({ "input": input })).await;
    if answer.body.get("errors").is_some() {
        assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR");
        return None;
    }
    assert_eq!(answer.body["data"]["recordAuditLogs"]["userErrors"], json!([]));
    Some(answer.body["data"]["recordAuditLogs"].clone())
}

/// Cuts `ROUNDS` commits, and after each `others` connections more; gives how many recordings were
/// acknowledged. None is there twice, none that was acknowledged is missing, and a key repeated
/// until it's answered stands for one recording.
async fn cut_commits(others: usize) -> usize {
    let server = TestServer::start(Backend::Postgres).await;
    let acme = server.organization("acme").await;
    server.set_member(&acme, "writer", Role::Writer).await;
    let proxy = CuttingProxy::start(&server.database.url).await;
    let node = server.start_node(|config| config.database_url = Some(proxy.url.clone())).await;
    let client = Client::new(format!("http://{}", node.address), Some(server.token("writer")));
    let db = server.database.connect().await;
    let count = async |action: &str| {
        let rows = audit_log::Entity::find().filter(audit_log::Column::Action.eq(action));
        rows.count(&db).await.unwrap()
    };
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        // The first recording goes alone; those that come meanwhile are gathered into the second.
        proxy.cut_second_commit(others);
        let names: Vec<_> = (0..AT_ONCE).map(|index| format!("round{round}.{index}")).collect();
        let answers = join_all(names.iter().enumerate().map(|(index, name)| {
            let key = (index % 2 == 0).then_some(name.as_str());
            record(&client, &acme, name, key)
        }))
        .await;
        for (index, (name, answer)) in names.iter().zip(answers).enumerate() {
            acknowledged += usize::from(answer.is_some());
            let rows = count(name).await;
            assert!(rows <= 1, "{name} is there {rows} times");
            assert!(rows == 1 || answer.is_none(), "{name} was acknowledged and is not there");
            if index % 2 == 0 {
                while record(&client, &acme, name, Some(name)).await.is_none() {}
                assert_eq!(count(name).await, 1, "{name}");
            }
        }
    }
    let cut = proxy.commits_cut();
    println!(
        "{cut} commits cut, {others} connections after each: {acknowledged} acknowledged of {}",
        ROUNDS * AT_ONCE
    );
    assert_eq!(cut, ROUNDS);
    db.close().await.unwrap();
    node.stop().await.unwrap();
    server.finish().await;
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_commit_is_looked_up_and_acknowledged() {
    // Each commit did happen: whoever looks it up finds it.
    assert_eq!(cut_commits(0).await, ROUNDS * AT_ONCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_that_can_not_be_looked_up_is_not_done_again() {
    assert!(cut_commits(3).await < ROUNDS * AT_ONCE, "no look-up was cut");
}
