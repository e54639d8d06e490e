//! Holds, which keep an organization's log from being removed.

use sea_orm::entity::prelude::*;

/// A hold. While an organization has one, no entry of its log may be removed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "holds")]
pub struct Model {
    /// The organization whose log is held.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Name of the hold, such as the number of a legal case. Unique in the organization.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Reason for the hold.
    pub reason: String,
    /// Subject that placed the hold.
    pub placed_by: String,
    /// The time at which the hold was placed, by the database's clock.
    pub placed_at: DateTimeUtc,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
