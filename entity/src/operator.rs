//! Operators, who run the instance.

use sea_orm::entity::prelude::*;

/// A subject that runs the instance: it sees the jobs of every organization and backs up the whole instance.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operators")]
pub struct Model {
    /// The subject: the `sub` of a credential.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// E-mail address, by which people recognize the subject.
    pub email: Option<String>,
    /// The time at which the subject became an operator.
    pub created_at: DateTimeUtc,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
