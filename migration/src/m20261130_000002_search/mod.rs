//! The indexes of words and of related resources, which are derived from the log.
//!
//! A restored database is filled without them, and catches up afterwards.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::{dialect::translate, m20261130_000001_initial::row_security};

/// Creates the indexes.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261130_000002_search"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (db, backend) = (manager.get_connection(), manager.get_database_backend());
        db.execute_unprepared(&translate(include_str!("resources.sql"), backend)).await?;
        let words = match backend {
            DbBackend::Postgres => include_str!("postgres.sql"),
            _ => include_str!("sqlite.sql"),
        };
        db.execute_unprepared(words).await?;
        row_security::enable(manager, &["audit_log_search_resources"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP TABLE audit_log_search").await?;
        if manager.get_database_backend() != DbBackend::Postgres {
            db.execute_unprepared("DROP TABLE audit_log_search_spaces").await?;
        }
        db.execute_unprepared("DROP TABLE audit_log_search_resources").await?;
        Ok(())
    }
}
