//! A tenant.

use sea_orm::entity::prelude::*;

/// The organization that stands for the instance itself: its log tells what operators did, its
/// jobs work on all tenants. The first migration creates it; nobody can be a member.
pub const INSTANCE: Uuid = Uuid::nil();

/// A tenant, the first part of every tenant table's key.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organizations")]
pub struct Model {
    /// Identity, a UUIDv7 (the instance's own is nil).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Unique name for people and command lines, e.g. `acme`.
    #[sea_orm(unique)]
    pub slug: String,
    /// Display name.
    pub name: String,
    /// When it was created.
    pub created_at: DateTimeUtc,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
