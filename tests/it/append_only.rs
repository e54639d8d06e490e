//! The database itself refuses to rewrite the log, whoever is connected.

use daybook_entity::{audit_log, membership::Role};
use daybook_tests::{Backend, TestServer, on_each_engine, raw_organization};
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, QueryOrder};

/// All columns of the table, the key last.
const COLUMNS: &str = "id, timestamp, recorded_at, clock_skewed, recorded_by, actor_type, actor_id, \
    actor_email, actor_email_folded, actor_name, on_behalf_of, action, outcome, resource_type, resource_id, \
    resource_name, related_resources, request_id, ip_address, ip_address_key, user_agent, changes, extra, salt, hash, organization_id, sequence";

/// Returns the columns, with another action in place of the real one.
fn forged() -> String {
    COLUMNS.replace(" action,", " 'forged',")
}

/// Returns statements that both engines must refuse.
fn everywhere() -> Vec<String> {
    let forged = forged();
    let row = "FROM audit_logs WHERE sequence = 3";
    vec![
        "UPDATE audit_logs SET action = 'forged'".to_owned(),
        "UPDATE audit_logs SET action = 'forged' WHERE sequence = 3".to_owned(),
        "UPDATE audit_logs SET action = action".to_owned(),
        "UPDATE audit_logs SET sequence = sequence + 1000".to_owned(),
        "DELETE FROM audit_logs".to_owned(),
        "DELETE FROM audit_logs WHERE sequence = 3".to_owned(),
        format!("INSERT INTO audit_logs ({COLUMNS}) SELECT {forged} {row}"),
        format!(
            "INSERT INTO audit_logs ({COLUMNS}) SELECT {forged} {row}
             ON CONFLICT (organization_id, sequence) DO UPDATE SET action = 'forged'"
        ),
        "DELETE FROM organizations".to_owned(),
        "DELETE FROM organizations WHERE slug = 'acme'".to_owned(),
    ]
}

fn on_postgres() -> Vec<String> {
    let row = "FROM audit_logs WHERE sequence = 3";
    vec![
        "TRUNCATE audit_logs".to_owned(),
        "TRUNCATE audit_logs CASCADE".to_owned(),
        "TRUNCATE organizations CASCADE".to_owned(),
        "UPDATE organizations SET id = gen_random_uuid()".to_owned(),
        format!(
            "MERGE INTO audit_logs AS old USING (SELECT 1) AS one ON old.sequence = 3
             WHEN MATCHED THEN UPDATE SET action = 'forged'"
        ),
        format!(
            "WITH gone AS (DELETE FROM audit_logs WHERE sequence = 3 RETURNING *)
             INSERT INTO audit_logs ({COLUMNS}) SELECT {} {row}",
            forged()
        ),
    ]
}

fn on_sqlite() -> Vec<String> {
    let forged = forged();
    let row = "FROM audit_logs WHERE sequence = 3";
    let by_rowid = forged.replace("sequence", "sequence + 1000");
    vec![
        format!("INSERT OR REPLACE INTO audit_logs ({COLUMNS}) SELECT {forged} {row}"),
        format!("REPLACE INTO audit_logs ({COLUMNS}) SELECT {forged} {row}"),
        // Another key in the place of the row: by rowid, under each of its names.
        format!(
            "INSERT OR REPLACE INTO audit_logs (rowid, {COLUMNS}) SELECT rowid, {by_rowid} {row}"
        ),
        format!("REPLACE INTO audit_logs (oid, {COLUMNS}) SELECT rowid, {by_rowid} {row}"),
        format!("REPLACE INTO audit_logs (_rowid_, {COLUMNS}) SELECT rowid, {by_rowid} {row}"),
        "UPDATE OR REPLACE audit_logs SET sequence = 4 WHERE sequence = 3".to_owned(),
        "UPDATE OR REPLACE audit_logs SET rowid = 4 WHERE sequence = 3".to_owned(),
        "UPDATE OR IGNORE audit_logs SET action = 'forged'".to_owned(),
        format!(
            "INSERT INTO audit_logs ({COLUMNS}) SELECT {forged} {row}
             ON CONFLICT DO UPDATE SET action = 'forged'"
        ),
        "UPDATE organizations SET id = randomblob(16) WHERE slug = 'acme'".to_owned(),
        "PRAGMA recursive_triggers = OFF; DELETE FROM audit_logs".to_owned(),
    ]
}

async fn rows(db: &DatabaseConnection) -> Vec<audit_log::Model> {
    let rows = audit_log::Entity::find()
        .order_by_asc(audit_log::Column::OrganizationId)
        .order_by_asc(audit_log::Column::Sequence);
    rows.all(db).await.unwrap()
}

#[on_each_engine]
async fn rewriting_the_log_is_refused_and_changes_nothing(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 5).await;
    let db = server.database.connect().await;
    let before = rows(&db).await;
    assert_eq!(
        before.iter().filter(|row| row.organization_id == raw_organization(&acme)).count(),
        7
    );
    let own = match server.backend() {
        Backend::Sqlite => on_sqlite(),
        Backend::Postgres => on_postgres(),
    };
    for sql in everywhere().into_iter().chain(own) {
        let refused = db.execute_unprepared(&sql).await;
        let error = refused.expect_err(&sql).to_string();
        // Refused for this reason, not for a mistake in the statement.
        let is_meant = ["append-only", "foreign key", "FOREIGN KEY", "audit_logs_pkey"];
        assert!(is_meant.iter().any(|reason| error.contains(reason)), "{sql}: {error}");
        assert_eq!(rows(&db).await, before, "{sql}");
    }
    // An entry that is in nobody's way is taken: the statements above are well-formed.
    let appended = forged().replace("sequence", "sequence + 1000");
    let sql = format!(
        "INSERT INTO audit_logs ({COLUMNS}) SELECT {appended} FROM audit_logs WHERE sequence = 3"
    );
    db.execute_unprepared(&format!("BEGIN; {sql}; ROLLBACK")).await.unwrap();
    db.close().await.unwrap();
}
