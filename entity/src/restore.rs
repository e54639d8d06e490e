//! Restores: records of the backups that this database was filled from.

use sea_orm::entity::prelude::*;

/// A record that this database was filled from a backup. The backup's file adds it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "restores")]
pub struct Model {
    /// ID of the job that made the backup.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: Uuid,
    /// The moment whose state the backup holds.
    pub taken_at: DateTimeUtc,
    /// The time at which Daybook first started on the restored database.
    pub settled_at: Option<DateTimeUtc>,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
