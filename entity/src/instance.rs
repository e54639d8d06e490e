//! Facts about this instance as a whole.

use sea_orm::entity::prelude::*;

/// One row: what every process on this database must agree on.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "instance")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Fingerprint of the secret that signs tokens and links: another secret is refused at start.
    pub secret_fingerprint: Vec<u8>,
    /// When the instance was first started.
    pub created_at: DateTimeUtc,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
