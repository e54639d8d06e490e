//! Rows that only one engine can hold, and that Daybook did not write.

use daybook_entity::membership::Role;
use daybook_tests::{Backend, TestServer, json, on_each_backend};
use sea_orm::ConnectionTrait;

use super::{finished, start};

/// Returns changes to a database that has a workspace, a note and two members, and what an error must name.
fn changes(backend: Backend) -> Vec<(&'static str, &'static str, &'static str)> {
    match backend {
        Backend::Sqlite => vec![
            (
                "UPDATE memberships SET subject = 'a' || char(0) || 'b' WHERE subject = 'bob'",
                "memberships",
                "subject",
            ),
            (
                "UPDATE memberships SET email = CAST(X'EDA080' AS TEXT) WHERE subject = 'bob'",
                "memberships",
                "email",
            ),
            ("UPDATE workspaces SET name = CAST(X'FF' AS TEXT)", "workspaces", "name"),
            (
                "UPDATE workspaces SET created_at = '0000-01-01T00:00:00+00:00'",
                "workspaces",
                "created_at",
            ),
            (
                "UPDATE workspaces SET created_at = '2026-02-30T00:00:00+00:00'",
                "workspaces",
                "created_at",
            ),
            (
                "UPDATE workspaces SET created_at = '+12026-01-01T00:00:00+00:00'",
                "workspaces",
                "created_at",
            ),
            ("UPDATE notes SET version = 3000000000", "notes", "version"),
            ("UPDATE notes SET body = 'a' || char(10) || char(0)", "notes", "body"),
        ],
        Backend::Postgres => vec![
            ("UPDATE workspaces SET created_at = 'infinity'", "workspaces", "created_at"),
            ("UPDATE workspaces SET created_at = '12026-01-01'", "workspaces", "created_at"),
            ("UPDATE workspaces SET created_at = '0044-03-15 BC'", "workspaces", "created_at"),
        ],
    }
}

#[on_each_backend]
async fn verification_names_the_row_that_the_other_engine_can_t_hold(backend: Backend) {
    for (change, table, column) in changes(backend) {
        let server = TestServer::start(backend).await;
        let acme = server.organization("acme").await;
        let admin = server.client(&acme, Role::Admin).await;
        server.set_member(&acme, "bob", Role::Member).await;
        let workspace = admin.create_workspace(&acme, "docs").await;
        admin.create_note(&workspace, json!({})).await;
        let db = server.database.connect().await;
        assert_eq!(db.execute_unprepared(change).await.unwrap().rows_affected(), 1, "{change}");
        let payload = start(&admin, json!({ "organizationId": acme })).await;
        let job = finished(&admin, &payload["job"]["id"]).await;
        assert_eq!(job["state"], "FAILED", "{change}: {job}");
        let said = job["error"]["message"].as_str().unwrap();
        for part in [&format!("table {table}: row "), "organization_id ", &format!("its {column} ")]
        {
            assert!(said.contains(part), "{change}: {said}");
        }
        server.stop().await;
    }
}
