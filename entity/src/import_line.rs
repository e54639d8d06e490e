//! Lines of imported files, by which a line is recorded once.

use sea_orm::entity::prelude::*;

/// A line of an imported file that was recorded as an entry.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "import_lines")]
pub struct Model {
    /// The organization whose log has the entry.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Name of the source that the file is of.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// SHA-256 of the line.
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: Vec<u8>,
    /// 1 for the first line with this content in a file, 2 for the second one, and so on.
    #[sea_orm(primary_key, auto_increment = false)]
    pub occurrence: i32,
    /// Sequence of the entry.
    pub sequence: i64,
    /// Number of the last run of an import of this source that met the line.
    pub run: i64,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
