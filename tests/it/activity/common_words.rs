//! A histogram of a word that more entries have than are counted one by one: each interval looks at a bounded
//! number of its own.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use daybook_entity::membership::Role;
use daybook_tests::{Backend, TestServer, json, on_each_backend, raw_organization};
use sea_orm::{ConnectionTrait, Statement};

use super::buckets;

/// Number of entries, of which nine in ten have the word.
const ENTRIES: i64 = 60_000;
/// Number of entries in the first minute of an hour. The others are spread over the other minutes.
const CROWDED: i64 = 40_000;
/// Number of entries that one of sixty intervals examines.
const LOOKED_AT: usize = 400_000 / 60;
/// Unix time of the first entry: 2026-02-13T10:00:00Z.
const FIRST_SECOND: i64 = 1_770_976_800;

/// Time of an entry by its number, as SQL, in seconds after the first entry.
const SECOND: &str = "CASE WHEN n <= CROWDED THEN n % 60 ELSE 60 + (n % 59) * 60 + n % 7 END";
fn second(number: i64) -> i64 {
    if number <= CROWDED { number % 60 } else { 60 + number % 59 * 60 + number % 7 }
}

fn has_word(number: i64) -> bool {
    number % 10 != 0
}

#[on_each_backend]
async fn interval_says_where_it_looked_at_a_part_only(backend: Backend) {
    let server = TestServer::start(backend).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    fill(&server, &acme).await;
    let hour = json!({
        "from": "2026-02-13T10:00:00Z", "to": "2026-02-13T11:00:00Z", "search": "common", "action": "filled",
    });
    let found = buckets(&admin, &acme, hour, 60).await;
    let mut first: Vec<(i64, i64)> = (1..=CROWDED).map(|number| (second(number), number)).collect();
    first.sort_unstable();
    let looked_at =
        first.iter().take(LOOKED_AT + 1).filter(|(_, number)| has_word(*number)).count();
    assert_eq!((&found[0]["count"], &found[0]["capped"]), (&json!(looked_at), &json!(true)));
    for (minute, bucket) in found.iter().enumerate().skip(1) {
        let is_within = |number: &i64| usize::try_from(second(*number) / 60) == Ok(minute);
        let expected =
            (CROWDED + 1..=ENTRIES).filter(|number| has_word(*number)).filter(is_within).count();
        assert_eq!(
            (&bucket["count"], &bucket["capped"]),
            (&json!(expected), &json!(false)),
            "{bucket}"
        );
    }
    server.stop().await;
}

/// Entries after the log's own. Nobody looks at their hashes.
async fn fill(server: &TestServer, acme: &str) {
    let id = raw_organization(acme);
    let db = server.database.connect().await;
    let second = SECOND.replace("CROWDED", &CROWDED.to_string());
    let columns = "organization_id, sequence, id, timestamp, recorded_at, recorded_by, actor_type, actor_id, action,
        outcome, resource_type, resource_id, changes, hash";
    let values = "'seed', 'USER', 'ada', 'filled', 'SUCCESS', 'thing', '1', '[]'";
    let [entries, words] = match server.backend() {
        Backend::Sqlite => {
            let numbers = format!(
                "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ENTRIES})"
            );
            let time = format!(
                "strftime('%Y-%m-%dT%H:%M:%S', {FIRST_SECOND} + {second}, 'unixepoch') || '+00:00'"
            );
            [
                format!(
                    "{numbers} INSERT INTO audit_logs ({columns})
                     SELECT $1, 1000 + n, randomblob(16), {time}, {time}, {values}, x'00' FROM numbers"
                ),
                format!(
                    "{numbers} INSERT INTO audit_log_search (rowid, words)
                     SELECT (number << 40) + 1000 + n, CASE WHEN n % 10 THEN ' common filled ' ELSE ' filled ' END
                     FROM numbers, audit_log_search_spaces WHERE organization_id = $1"
                ),
            ]
        }
        Backend::Postgres => {
            let numbers = format!("generate_series(1, {ENTRIES}) AS n");
            let prefix = URL_SAFE_NO_PAD.encode(&id.as_bytes()[13..]);
            let time = format!("to_timestamp({FIRST_SECOND} + {second})");
            [
                format!(
                    "INSERT INTO audit_logs ({columns})
                     SELECT $1, 1000 + n, gen_random_uuid(), {time}, {time}, {values}, '\\x00' FROM {numbers}"
                ),
                format!(
                    "INSERT INTO audit_log_search (organization_id, sequence, timestamp, words)
                     SELECT $1, 1000 + n, {time}, array_to_tsvector(CASE WHEN n % 10 <> 0
                         THEN ARRAY['{prefix}common', '{prefix}filled'] ELSE ARRAY['{prefix}filled'] END)
                     FROM {numbers}"
                ),
            ]
        }
    };
    for sql in [entries, words] {
        let backend = db.get_database_backend();
        db.execute_raw(Statement::from_sql_and_values(backend, sql, [id.into()])).await.unwrap();
    }
    db.close().await.unwrap();
}
