//! Row-level security on PostgreSQL, as a second barrier between tenants.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Enables row-level security for roles that don't own the tables.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261127_000002_expand_row_security"
    }
}

/// Tables whose rows belong to one organization and are read by that organization.
///
/// Excluded are the search index, since its operator is not leakproof and a policy would keep every search
/// from using the index; `job_events`, which are ordered across the instance and reveal nothing without their
/// jobs; and the tables of memberships and credentials, which are read before an organization is entered.
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

/// Condition of the policy. The setting is read once per statement, and `*` never reaches the cast.
///
/// PostgreSQL estimates that a CASE passes half of the rows. For the comparison alone it would estimate that
/// hardly any row passes, in addition to the statement's own condition, and choose plans for a few rows.
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
