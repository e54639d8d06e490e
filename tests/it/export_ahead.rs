//! Exports read PostgreSQL by COPY, and request the next segment while they encode the last one.

use daybook_entity::membership::Role;
use daybook_tests::{Backend, Client, TestServer, entry, eventually, json};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};

const LOCK: &str = "LOCK TABLE audit_logs IN ACCESS EXCLUSIVE MODE";

/// Records a log of many segments. The size of a segment is limited in bytes.
async fn record_much(admin: &Client, acme: &str) {
    for batch in 0..15 {
        let entries = (0..100).map(|index| {
            let mut entry = entry(&format!("test.{batch}.{index}"));
            entry["metadata"] = json!({ "extra": "much ".repeat(1_500) });
            entry
        });
        let payload = admin.record_entries(acme, json!(entries.collect::<Vec<_>>())).await;
        assert_eq!(payload["userErrors"], json!([]));
    }
}

/// Waits until `count` statements that begin with `start` wait for the lock of a table.
async fn waiting(db: &DatabaseConnection, start: &str, count: usize) {
    let sql = "SELECT query FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND starts_with(query, $1)";
    let asked = Statement::from_sql_and_values(db.get_database_backend(), sql, [start.into()]);
    eventually(&format!("{count} that wait: {start}"), 60, async || {
        let rows = db.query_all_raw(asked.clone()).await.unwrap();
        assert!(rows.len() <= count, "{rows:?}");
        (rows.len() == count).then_some(())
    })
    .await;
}

/// The log is locked when the attempt has begun, and again right behind its first segment, for locks are
/// given in the order in which they were asked for. What then waits is the second segment, and the third.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_read_by_copy_and_one_segment_ahead() {
    let server = TestServer::start_idle(Backend::Postgres).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    record_much(&admin, &acme).await;
    let started = admin.export(&acme, "JSONL").await;

    let [look, one, other] = [(); 3].map(|()| server.database.connect());
    let (look, one, other) = tokio::join!(look, one, other);
    let held = server.hold_bulk_connections().await;
    server.start_work();
    let running = "SELECT 1 AS one FROM jobs WHERE state = 'RUNNING'";
    let running = Statement::from_string(look.get_database_backend(), running);
    eventually("an attempt", 60, async || look.query_one_raw(running.clone()).await.unwrap()).await;
    let before = one.begin().await.unwrap();
    before.execute_unprepared(LOCK).await.unwrap();
    drop(held);
    waiting(&look, "COPY (SELECT ", 1).await;
    let behind = async {
        let behind = other.begin().await.unwrap();
        behind.execute_unprepared(LOCK).await.unwrap();
        behind
    };
    let let_on = async {
        waiting(&look, LOCK, 1).await;
        before.rollback().await.unwrap();
    };
    let (behind, ()) = tokio::join!(behind, let_on);
    waiting(&look, "COPY (SELECT ", 2).await;
    behind.rollback().await.unwrap();

    let job = admin.finished(started["job"]["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let file = admin.download(job["artifact"]["downloadUrl"].as_str().unwrap()).await;
    assert_eq!(
        job["artifact"]["recordCount"],
        file.split(|byte| *byte == b'\n').count().saturating_sub(1).to_string()
    );
    server.finish().await;
}
