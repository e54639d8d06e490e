//! Retention periods and holds of logs, and the triggers that allow the removal of entries.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect::translate;

/// Creates the tables of retention periods and holds.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261127_000001_expand_retention"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let db = manager.get_connection();
        db.execute_unprepared(&translate(include_str!("tables.sql"), backend)).await?;
        let triggers = match backend {
            DbBackend::Postgres => include_str!("postgres.sql"),
            _ => include_str!("sqlite.sql"),
        };
        db.execute_unprepared(triggers).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let triggers = match manager.get_database_backend() {
            DbBackend::Postgres => include_str!("postgres_down.sql"),
            _ => include_str!("sqlite_down.sql"),
        };
        db.execute_unprepared(triggers).await?;
        db.execute_unprepared("DROP TABLE holds; DROP TABLE retentions").await?;
        Ok(())
    }
}
