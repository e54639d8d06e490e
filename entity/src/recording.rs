//! What an idempotency key of a recording stands for.

use sea_orm::entity::prelude::*;

/// One recording that was made with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recordings")]
pub struct Model {
    /// Whose log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// The caller's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub idempotency_key: String,
    /// SHA-256 of the entries as they were asked for: tells a repetition from a misuse.
    pub request_hash: Vec<u8>,
    /// Sequence of the first entry recorded.
    pub first_sequence: i64,
    /// Sequence of the last entry recorded.
    pub last_sequence: i64,
    /// When it was recorded, by the database's clock.
    pub recorded_at: DateTimeUtc,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
