//! Runs of imports, by source.

use sea_orm::entity::prelude::*;

/// The last run of an import of a source.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "import_runs")]
pub struct Model {
    /// The organization whose log is imported to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Name of the source.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// Number of the run, from 1 on.
    pub run: i64,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
