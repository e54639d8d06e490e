//! A credential of a program.

use sea_orm::entity::prelude::*;

use crate::membership::Role;

/// A key that a program shows, with one role in one organization.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    /// Where it may do something.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Identity (UUIDv7).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The part of the key that finds it and is no secret; unique in the instance.
    pub prefix: String,
    /// MAC of the whole key under a key of the instance's secret: the key itself is not kept.
    pub hash: Vec<u8>,
    /// For people.
    pub name: String,
    /// As what: AUDITOR or WRITER.
    pub role: Role,
    /// The subject that made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// From when on it doesn't hold.
    pub expires_at: Option<DateTimeUtc>,
    /// Since when it doesn't hold, because somebody said so.
    pub revoked_at: Option<DateTimeUtc>,
    /// When it was last shown, to about a minute.
    pub last_used_at: Option<DateTimeUtc>,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
