//! What a subject may do in an organization.

use sea_orm::entity::prelude::*;

/// A subject's role in an organization, read at each use of a credential.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "memberships")]
pub struct Model {
    /// Where.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Who: the `sub` of a credential.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// As what.
    pub role: Role,
    /// For people to recognize the subject by.
    pub email: Option<String>,
    /// Since when.
    pub created_at: DateTimeUtc,
}

/// What a member may do.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Role {
    /// Everything in the organization.
    #[sea_orm(string_value = "ADMIN")]
    Admin,
    /// Reads and exports the audit log.
    #[sea_orm(string_value = "AUDITOR")]
    Auditor,
    /// Only records audit entries.
    #[sea_orm(string_value = "WRITER")]
    Writer,
    /// Workspaces and notes.
    #[sea_orm(string_value = "MEMBER")]
    Member,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
