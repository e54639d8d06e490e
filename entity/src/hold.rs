//! A reason for which nothing of an organization's log may be removed.

use sea_orm::entity::prelude::*;

/// A reason for which nothing of an organization's log may be removed, as long as it's there.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "holds")]
pub struct Model {
    /// Whose log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// What it's called, such as a case's number.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub placed_by: String,
    /// When, by the database's clock.
    pub placed_at: DateTimeUtc,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
