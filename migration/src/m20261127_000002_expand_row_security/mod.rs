//! A second wall between tenants, on PostgreSQL.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Row-level security for who is not the tables' owner.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261127_000002_expand_row_security"
    }
}

/// Tables whose rows are one organization's, and read by that.
///
/// Not the search's: its operator is not leakproof, so that a policy would keep every search from the index.
/// Not `job_events`: their order is the instance's, and of each event nothing is told without its job. Not
/// those that say who may enter, which are read before.
const TABLES: [&str; 9] = [
    "audit_log_heads",
    "audit_logs",
    "recordings",
    "retentions",
    "holds",
    "jobs",
    "artifacts",
    "workspaces",
    "notes",
];

/// What a row must pass. The setting is read once a statement, and the cast is not reached by `*`. A CASE, for
/// PostgreSQL thinks that it lets half of the rows pass: of the comparison alone it would think that hardly any
/// do, on top of the statement's own condition, and choose plans that are right for a few rows.
const CONDITION: &str = "CASE (SELECT current_setting('daybook.organizations', true)) \
    WHEN '*' THEN true \
    ELSE organization_id = ANY ((SELECT string_to_array( \
        NULLIF(current_setting('daybook.organizations', true), '*'), ',')::uuid[])::uuid[]) END";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        each(manager, |table| {
            format!(
                "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; \
                 CREATE POLICY organization ON {table} USING ({CONDITION})"
            )
        })
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        each(manager, |table| {
            format!(
                "DROP POLICY organization ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
            )
        })
        .await
    }
}

async fn each(manager: &SchemaManager<'_>, change: fn(&str) -> String) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for table in TABLES {
        manager.get_connection().execute_unprepared(&change(table)).await?;
    }
    Ok(())
}
