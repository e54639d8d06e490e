//! Row-level security on PostgreSQL, as a second barrier between tenants.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Tables whose rows belong to one organization and are read by that organization.
///
/// Excluded are the index of words, since its operator is not leakproof and a policy would keep every search
/// from using the index; `job_events`, which are ordered across the instance and reveal nothing without their
/// jobs; and the tables of memberships and credentials, which are read before an organization is entered.
pub(super) const TABLES: [&str; 12] = [
    "audit_log_heads",
    "audit_logs",
    "clock_steps",
    "recordings",
    "import_runs",
    "import_lines",
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

/// Enables row-level security on `tables`, for roles that don't own them.
pub(crate) async fn enable(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for table in tables {
        let policy = format!(
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; \
             CREATE POLICY organization ON {table} USING ({CONDITION})"
        );
        manager.get_connection().execute_unprepared(&policy).await?;
    }
    Ok(())
}
