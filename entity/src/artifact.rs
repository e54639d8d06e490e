//! Artifacts, the files that jobs produce. Their bytes are in the object store.

use sea_orm::entity::prelude::*;

/// The file that a job produced. The key allows one for each job.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "artifacts")]
pub struct Model {
    /// The organization that the job belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// The job that produced the artifact.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: Uuid,
    /// Key of the file in the object store, made of the job's ID and the claim number.
    #[sea_orm(unique)]
    pub object_key: String,
    /// Name under which a browser saves the file.
    pub file_name: String,
    /// Media type of the file.
    pub content_type: String,
    /// Size of the file in bytes.
    pub size_bytes: i64,
    /// SHA-256 of the file.
    pub sha256: Vec<u8>,
    /// Number of records in the file.
    pub record_count: i64,
    /// The manifest: JSON that describes the content, to check the file against.
    pub manifest: String,
    /// The time at which the finishing transaction made the artifact visible.
    pub created_at: DateTimeUtc,
    /// The artifact can be downloaded until this time.
    pub expires_at: DateTimeUtc,
    /// The time at which the file was removed from the store. Null if it is still there.
    pub removed_at: Option<DateTimeUtc>,
    /// ID of the store that holds the file, see [`crate::artifact_store`].
    pub store_id: String,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
