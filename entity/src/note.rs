//! A Markdown note in a workspace.

use sea_orm::entity::prelude::*;

/// A Markdown note in a workspace.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notes")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Identity (UUIDv7).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// In which workspace.
    pub workspace_id: Uuid,
    /// Slash-separated place in the workspace, unique there.
    pub path: String,
    /// For people.
    pub title: String,
    /// CommonMark.
    pub body: String,
    /// JSON array of strings.
    pub tags: String,
    /// Raised at each change.
    pub version: i32,
    /// When it was created.
    pub created_at: DateTimeUtc,
    /// When it was last changed.
    pub updated_at: DateTimeUtc,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
