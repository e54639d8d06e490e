//! The first schema, without what is derived from its content.

pub(crate) mod row_security;

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect::translate;

/// Creates the first schema.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261130_000001_initial"
    }
}

/// Tables that are the same on both engines.
const TABLES: [&str; 4] = [
    include_str!("organizations.sql"),
    include_str!("audit_logs.sql"),
    include_str!("jobs.sql"),
    include_str!("notes.sql"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let backend = manager.get_database_backend();
        for tables in TABLES {
            db.execute_unprepared(&translate(tables, backend)).await?;
        }
        // The triggers that keep the log append-only.
        let own = match backend {
            DbBackend::Postgres => include_str!("postgres.sql"),
            _ => include_str!("sqlite.sql"),
        };
        db.execute_unprepared(own).await?;
        row_security::enable(manager, &row_security::TABLES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(include_str!("down.sql")).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared("DROP FUNCTION audit_logs_append_only()").await?;
        }
        Ok(())
    }
}
