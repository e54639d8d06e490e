//! Organizations, the tenants of an instance.

use sea_orm::entity::prelude::*;

/// ID of the organization that stands for the instance itself. Its log records the actions of operators,
/// and its jobs work on all tenants. The first migration creates it, and nobody can be a member.
pub const INSTANCE: Uuid = Uuid::nil();

/// A tenant. Its ID is the first part of the key in every tenant table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organizations")]
pub struct Model {
    /// ID of the organization: a UUIDv7, or nil for [`INSTANCE`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Unique short name for people and command lines, e.g. `acme`.
    #[sea_orm(unique)]
    pub slug: String,
    /// Display name of the organization.
    pub name: String,
    /// The time at which the organization was created.
    pub created_at: DateTimeUtc,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
