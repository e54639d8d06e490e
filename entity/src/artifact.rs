//! The file that a job produced; the bytes are in the object store.

use sea_orm::entity::prelude::*;

/// The file that a job produced: one a job, by key.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "artifacts")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Of which job.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: Uuid,
    /// Where it is in the object store; holds job and claim.
    #[sea_orm(unique)]
    pub object_key: String,
    /// What a browser saves it as.
    pub file_name: String,
    /// Its media type.
    pub content_type: String,
    /// Its length.
    pub size_bytes: i64,
    /// SHA-256 of its bytes.
    pub sha256: Vec<u8>,
    /// How many records it holds.
    pub record_count: i64,
    /// JSON of what is in it, to check it by.
    pub manifest: String,
    /// When the finishing transaction made it visible.
    pub created_at: DateTimeUtc,
    /// From when it can't be downloaded any more.
    pub expires_at: DateTimeUtc,
    /// When its bytes were removed.
    pub removed_at: Option<DateTimeUtc>,
    /// The store that it is in, see [`crate::artifact_store`]; none if the version that wrote it did
    /// not say so.
    pub store_id: Option<String>,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
