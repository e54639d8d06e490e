//! Markdown notes in workspaces.

use sea_orm::entity::prelude::*;

/// A Markdown note in a workspace.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notes")]
pub struct Model {
    /// The organization that the note belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// ID of the note, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// ID of the workspace that holds the note.
    pub workspace_id: Uuid,
    /// Slash-separated path, unique in the workspace.
    pub path: String,
    /// Title of the note.
    pub title: String,
    /// Text of the note, in CommonMark.
    pub body: String,
    /// Tags of the note, as a JSON array of strings.
    pub tags: String,
    /// Version of the note, which grows by 1 with each change.
    pub version: i32,
    /// The time at which the note was created.
    pub created_at: DateTimeUtc,
    /// The time at which the note was last changed.
    pub updated_at: DateTimeUtc,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
