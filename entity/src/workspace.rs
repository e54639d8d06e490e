//! Workspaces, which hold notes.

use sea_orm::entity::prelude::*;

/// A workspace, which holds notes.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workspaces")]
pub struct Model {
    /// The organization that the workspace belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// ID of the workspace, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Name of the workspace, unique in the organization.
    pub name: String,
    /// The time at which the workspace was created.
    pub created_at: DateTimeUtc,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
