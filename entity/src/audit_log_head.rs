//! The end of an organization's log: the row whose lock gives out sequence numbers.

use sea_orm::entity::prelude::*;

/// Last sequence and hash of one organization's log.
///
/// Recording locks this row, takes its numbers and holds the lock to its commit: so numbers have
/// no gap, and a reader that has seen `n` never finds a new entry below it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log_heads")]
pub struct Model {
    /// Whose log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Sequence of the last entry; 0 where there is none.
    pub sequence: i64,
    /// Hash of the last entry; 32 zero bytes where there is none.
    pub hash: Vec<u8>,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
