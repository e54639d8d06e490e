//! A place in which processes on this database keep artifacts.

use sea_orm::entity::prelude::*;

/// A place in which artifacts are kept, as the process that uses it last said.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "artifact_stores")]
pub struct Model {
    /// What the store says of itself: whoever shares it has read the same.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The URL under which it is used, such as `file:/var/lib/daybook/artifacts`.
    pub place: String,
    /// The machine that it is used from.
    pub host: String,
    /// When it was last used, by the database's clock.
    pub seen_at: DateTimeUtc,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
