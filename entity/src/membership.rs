//! Memberships: the roles of subjects in organizations.

use sea_orm::entity::prelude::*;

/// Role of a subject in an organization. It is read each time a credential is used.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "memberships")]
pub struct Model {
    /// The organization that the subject is a member of.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// The subject: the `sub` of a credential.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Role of the subject.
    pub role: Role,
    /// E-mail address, by which people recognize the subject.
    pub email: Option<String>,
    /// The time at which the subject became a member.
    pub created_at: DateTimeUtc,
}

/// Role of a member, which decides what the member may do.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Role {
    /// May do everything in the organization.
    #[sea_orm(string_value = "ADMIN")]
    Admin,
    /// Reads and exports the audit log.
    #[sea_orm(string_value = "AUDITOR")]
    Auditor,
    /// Only records audit entries.
    #[sea_orm(string_value = "WRITER")]
    Writer,
    /// Reads and writes workspaces and notes.
    #[sea_orm(string_value = "MEMBER")]
    Member,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
