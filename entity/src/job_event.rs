//! Transitions of jobs, each written in the transaction that made it.

use sea_orm::entity::prelude::*;

use crate::job::JobState;

/// A transition of a job.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_events")]
pub struct Model {
    /// The organization that the job belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Position in the feed of the whole instance, in commit order.
    #[sea_orm(primary_key, auto_increment = false)]
    pub feed: i64,
    /// ID of the job.
    pub job_id: Uuid,
    /// State before the transition. Null if the job is new.
    pub from_state: Option<JobState>,
    /// State after the transition.
    pub to_state: JobState,
    /// The time of the transition, by the database's clock.
    pub at: DateTimeUtc,
    /// Number of the job's attempt at the time of the transition.
    pub attempt: i32,
    /// Reason for the transition, if the states alone do not explain it.
    pub reason: Option<String>,
    /// Random number that distinguishes the event from another one with the same `feed` in a restored
    /// database.
    pub fingerprint: i32,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
