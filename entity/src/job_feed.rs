//! The end of the instance's job feed: the row whose lock gives out feed numbers.

use sea_orm::entity::prelude::*;

/// One row, locked last by every transaction that moves a job.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_feed")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Number of the last event; 0 where there is none.
    pub feed: i64,
    /// Events up to here may be gone.
    pub pruned: i64,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
