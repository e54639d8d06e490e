//! Retention periods of organizations' logs, and the progress of removal.

use sea_orm::entity::prelude::*;

/// Retention of an organization's log. Without a row the log is kept forever, and nothing was removed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "retentions")]
pub struct Model {
    /// The organization that the log belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Minimum number of days that an entry is kept. Null means forever.
    pub days: Option<i32>,
    /// Sequence through which an entry of the log announces the removal.
    pub announced: i64,
    /// Sequence through which entries have been removed.
    pub pruned: i64,
    /// Hash of the last removed entry, from which the chain continues; 32 zero bytes if none was removed.
    pub pruned_hash: Vec<u8>,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
