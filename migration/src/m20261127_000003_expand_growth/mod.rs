//! Index and vacuum settings for logs that grow at the end and are removed at the start.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Creates an index for removal, and sets when PostgreSQL vacuums the tables.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261127_000003_expand_growth"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(include_str!("indexes.sql")).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared(include_str!("postgres.sql")).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared(include_str!("postgres_down.sql")).await?;
        }
        db.execute_unprepared("DROP INDEX recordings_by_sequence").await?;
        Ok(())
    }
}
