//! Background jobs. A job's row is its place in the queue, its state, and the record of its outcome.

use sea_orm::entity::prelude::*;

use crate::audit_log::ActorType;

/// A background job.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// The organization that the job works for.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// ID of the job, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Name of the job's kind. A newer version may have written a kind that this build does not know.
    pub kind: String,
    /// Current state of the job.
    pub state: JobState,
    /// Type of the requester.
    pub requester_type: ActorType,
    /// Subject of the requester, whose role is checked again when the job runs.
    pub requester_id: String,
    /// E-mail address of the requester at the time of the request.
    pub requester_email: Option<String>,
    /// ID of the request that queued the job, for logs and traces.
    pub request_id: Option<String>,
    /// W3C `traceparent` of the request that queued the job.
    pub traceparent: Option<String>,
    /// The work to do, as JSON that does not change after the request.
    pub payload: String,
    /// SHA-256 of the request's input. Finds an unfinished job for the same input, and detects an idempotency
    /// key that is reused with another input.
    pub request_hash: Vec<u8>,
    /// Idempotency key of the request. Null if it had none.
    pub idempotency_key: Option<String>,
    /// The time at which the job was requested.
    pub created_at: DateTimeUtc,
    /// No worker claims the job before this time.
    pub available_at: DateTimeUtc,
    /// The time at which the first attempt started.
    pub started_at: Option<DateTimeUtc>,
    /// The time at which the job reached a final state.
    pub finished_at: Option<DateTimeUtc>,
    /// Number of attempts that count, including the running one.
    pub attempt: i32,
    /// Number of attempts that the job gets.
    pub max_attempts: i32,
    /// Claim number, which grows with each claim and fences off attempts that have lost their lease.
    pub claim: i64,
    /// The time at which the running attempt's lease expires, by the database's clock.
    pub lease_until: Option<DateTimeUtc>,
    /// Name of the process that runs the attempt, for display only.
    pub leased_by: Option<String>,
    /// The time at which cancellation was requested. Null if it was not.
    pub cancel_requested_at: Option<DateTimeUtc>,
    /// Subject that requested the cancellation.
    pub cancel_requested_by: Option<String>,
    /// ID of the failed or canceled job that this job repeats.
    pub retry_of: Option<Uuid>,
    /// Current phase of the running attempt.
    pub progress_phase: Option<String>,
    /// Number of units of work that are done.
    pub progress_done: i64,
    /// Total number of units of work. Null if unknown.
    pub progress_total: Option<i64>,
    /// The time of the last progress report.
    pub progress_at: Option<DateTimeUtc>,
    /// Reason for which the last attempt failed.
    pub error_code: Option<JobErrorCode>,
    /// Explanation of `error_code` for the requester.
    pub error_message: Option<String>,
    /// Outcome of the job as JSON, in a form that depends on the kind.
    pub outcome: Option<String>,
}

/// State of a job.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum JobState {
    /// The job waits for a worker.
    #[sea_orm(string_value = "QUEUED")]
    Queued,
    /// An attempt works on the job and holds a lease on it.
    #[sea_orm(string_value = "RUNNING")]
    Running,
    /// The job is done, and its artifact exists. Final.
    #[sea_orm(string_value = "SUCCEEDED")]
    Succeeded,
    /// The job failed, and no attempts are left. Final.
    #[sea_orm(string_value = "FAILED")]
    Failed,
    /// The job was stopped on request. Final.
    #[sea_orm(string_value = "CANCELED")]
    Canceled,
}

/// Reason for which a job failed.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum JobErrorCode {
    /// Daybook itself is at fault.
    #[sea_orm(string_value = "INTERNAL")]
    Internal,
    /// The artifact store could not be read or written.
    #[sea_orm(string_value = "STORAGE")]
    Storage,
    /// The data that the job was to read no longer exists.
    #[sea_orm(string_value = "SOURCE_CHANGED")]
    SourceChanged,
    /// The requester no longer has the role that the job needs.
    #[sea_orm(string_value = "ACCESS_REVOKED")]
    AccessRevoked,
    /// An attempt exceeded its time limit.
    #[sea_orm(string_value = "TIMEOUT")]
    Timeout,
    /// The lease expired, because the process died or hung.
    #[sea_orm(string_value = "STALLED")]
    Stalled,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl Model {
    /// The last 8 hexadecimal digits of the ID. They are random, and differ between jobs of one moment.
    #[must_use]
    pub fn short_id(&self) -> String {
        let id = self.id.simple().to_string();
        id[id.len() - 8..].to_owned()
    }
}

impl ActiveModelBehavior for ActiveModel {}
