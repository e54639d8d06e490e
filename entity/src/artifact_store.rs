//! The object stores in which processes on this database keep artifacts.

use sea_orm::entity::prelude::*;

/// An object store for artifacts, as the process that used it last reported it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "artifact_stores")]
pub struct Model {
    /// ID that is written in the store itself, so that all processes that share the store read the same.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// URL of the store, such as `file:/var/lib/daybook/artifacts`.
    pub place: String,
    /// Name of the machine that used the store last.
    pub host: String,
    /// The last time a process used the store, by the database's clock.
    pub seen_at: DateTimeUtc,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
