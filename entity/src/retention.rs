//! How long an organization's log is kept, and how far it was removed.

use sea_orm::entity::prelude::*;

/// How long an organization's log is kept, and how far it was removed. None: for ever, and nothing was.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "retentions")]
pub struct Model {
    /// Whose log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Days for which an entry is kept at the least; none: for ever.
    pub days: Option<i32>,
    /// Sequence through which the log itself says that its entries are removed.
    pub announced: i64,
    /// Sequence through which they are.
    pub pruned: i64,
    /// Hash of the last entry that was removed, from which the chain goes on; 32 zero bytes where
    /// none was.
    pub pruned_hash: Vec<u8>,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
