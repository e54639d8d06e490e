//! The end of an organization's log, whose lock orders the assignment of sequences.

use sea_orm::entity::prelude::*;

/// Last sequence and hash of one organization's log.
///
/// A recording locks this row, takes the next sequences and holds the lock until it commits. Therefore
/// sequences have no gaps, and after a reader has read up to `n`, no new entry can appear below `n`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log_heads")]
pub struct Model {
    /// The organization that the log belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Sequence of the last entry; 0 if the log is empty.
    pub sequence: i64,
    /// Hash of the last entry; 32 zero bytes if the log is empty.
    pub hash: Vec<u8>,
    /// The right edge of the Merkle tree over the leaf hashes (RFC 6962): the roots of its perfect
    /// subtrees, largest first, 32 bytes each. The bits of `sequence` tell their sizes.
    pub edge: Vec<u8>,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
