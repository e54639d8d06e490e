//! A job's transition, written in the transaction that made it.

use sea_orm::entity::prelude::*;

use crate::job::JobState;

/// One transition of one job.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_events")]
pub struct Model {
    /// Whose job.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Position in the whole instance's feed, in commit order.
    #[sea_orm(primary_key, auto_increment = false)]
    pub feed: i64,
    /// Which job.
    pub job_id: Uuid,
    /// The state before; absent where the job is new.
    pub from_state: Option<JobState>,
    /// The state after.
    pub to_state: JobState,
    /// When, by the database's clock.
    pub at: DateTimeUtc,
    /// The job's attempt then.
    pub attempt: i32,
    /// Why, where there is more to say than the states do.
    pub reason: Option<String>,
    /// Random: tells this event from another with the same number in a restored database.
    pub fingerprint: i32,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
