//! Facts about this instance as a whole.

use sea_orm::entity::prelude::*;

/// The one row of what all processes on this database must agree on.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "instance")]
pub struct Model {
    /// Key of the only row: always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Fingerprint of the secret that signs tokens and links. A process with another secret does not start.
    pub secret_fingerprint: Vec<u8>,
    /// The time of the instance's first start.
    pub created_at: DateTimeUtc,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
