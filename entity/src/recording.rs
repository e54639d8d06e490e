//! Recordings that were made with idempotency keys.

use sea_orm::entity::prelude::*;

/// A recording that was made with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recordings")]
pub struct Model {
    /// The organization whose log was recorded in.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Idempotency key of the request.
    #[sea_orm(primary_key, auto_increment = false)]
    pub idempotency_key: String,
    /// SHA-256 of the entries in the request. Distinguishes a repeated request from a reused key.
    pub request_hash: Vec<u8>,
    /// Sequence of the first entry recorded.
    pub first_sequence: i64,
    /// Sequence of the last entry recorded.
    pub last_sequence: i64,
    /// The time of the recording, by the database's clock.
    pub recorded_at: DateTimeUtc,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
