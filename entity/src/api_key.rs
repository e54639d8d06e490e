//! API keys, the credentials of programs.

use sea_orm::entity::prelude::*;

use crate::membership::Role;

/// An API key, which gives a program one role in one organization.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    /// The organization that the key gives access to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// ID of the key, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The public part of the key, by which it is looked up. Unique in the instance.
    pub prefix: String,
    /// MAC of the whole key, under a key derived from the instance's secret. The API key itself is not
    /// stored.
    pub hash: Vec<u8>,
    /// Display name of the key.
    pub name: String,
    /// The role that the key gives: AUDITOR or WRITER.
    pub role: Role,
    /// The subject that created the key.
    pub created_by: String,
    /// The time at which the key was created.
    pub created_at: DateTimeUtc,
    /// The key is refused from this time on. Null if it does not expire.
    pub expires_at: Option<DateTimeUtc>,
    /// The time at which somebody revoked the key. Null if nobody has.
    pub revoked_at: Option<DateTimeUtc>,
    /// The last time the key was used, accurate to about a minute. Null if it never was.
    pub last_used_at: Option<DateTimeUtc>,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
