//! That this database was filled from a backup.

use sea_orm::entity::prelude::*;

/// That this database was filled from a backup. The backup's file adds it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "restores")]
pub struct Model {
    /// The job that made the backup.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: Uuid,
    /// The moment that the backup holds.
    pub taken_at: DateTimeUtc,
    /// When Daybook first started on the restored database.
    pub settled_at: Option<DateTimeUtc>,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
