//! Places of a log at which the database's clock had been set back.

use sea_orm::entity::prelude::*;

/// An entry that was recorded after the database's clock had been set back by more than an hour.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clock_steps")]
pub struct Model {
    /// The organization in whose log the entry is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Sequence of the entry.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// `recorded_at` of the entry before it, which is later.
    pub previous_recorded_at: DateTimeUtc,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
