//! The end of the instance's job feed, whose lock orders the assignment of feed numbers.

use sea_orm::entity::prelude::*;

/// The one row that every transaction that makes a transition locks, as its last lock.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_feed")]
pub struct Model {
    /// Key of the only row: always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Number of the last event; 0 if there is none.
    pub feed: i64,
    /// Events up to this number may have been removed.
    pub pruned: i64,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
