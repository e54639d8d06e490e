//! Who runs the instance.

use sea_orm::entity::prelude::*;

/// A subject that runs the instance: every organization's jobs, backups of all of it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operators")]
pub struct Model {
    /// Who: the `sub` of a credential.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// For people to recognize the subject by.
    pub email: Option<String>,
    /// Since when.
    pub created_at: DateTimeUtc,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
