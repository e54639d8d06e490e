//! The known stores of artifacts, and the store of each artifact.

use sea_orm_migration::prelude::*;

use crate::dialect::translate;

/// Creates the table of stores, and adds the store to artifacts.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261130_000001_expand_stores"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = translate(include_str!("tables.sql"), manager.get_database_backend());
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("ALTER TABLE artifacts DROP COLUMN store_id").await?;
        db.execute_unprepared("DROP TABLE artifact_stores").await?;
        Ok(())
    }
}
