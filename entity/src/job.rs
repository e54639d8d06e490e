//! A background job: the row is the queue, the state and the record of what came of it.

use sea_orm::entity::prelude::*;

use crate::audit_log::ActorType;

/// A background job.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// For whom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Identity (UUIDv7).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The name of its kind. A newer version may have written one that this build does not know.
    pub kind: String,
    /// Where it stands.
    pub state: JobState,
    /// The kind of whoever asked for it.
    pub requester_type: ActorType,
    /// The subject that asked for it; its role is looked at again when the job runs.
    pub requester_id: String,
    /// The requester's e-mail, as of then.
    pub requester_email: Option<String>,
    /// The request that asked for it, for logs and traces.
    pub request_id: Option<String>,
    /// W3C `traceparent` of that request.
    pub traceparent: Option<String>,
    /// JSON of what to do, frozen when it was asked for.
    pub payload: String,
    /// SHA-256 of the input: finds an unfinished twin and tells a repetition from a misuse.
    pub request_hash: Vec<u8>,
    /// The caller's key.
    pub idempotency_key: Option<String>,
    /// When it was asked for.
    pub created_at: DateTimeUtc,
    /// Not to be claimed before.
    pub available_at: DateTimeUtc,
    /// When its first attempt started.
    pub started_at: Option<DateTimeUtc>,
    /// When it reached a final state.
    pub finished_at: Option<DateTimeUtc>,
    /// Attempts that count, the running one included.
    pub attempt: i32,
    /// Attempts that it gets.
    pub max_attempts: i32,
    /// Raised at each claim, never lowered: the fence that a lost attempt can't pass.
    pub claim: i64,
    /// Until when the running attempt holds it, by the database's clock.
    pub lease_until: Option<DateTimeUtc>,
    /// The process that holds it, for people.
    pub leased_by: Option<String>,
    /// Since when it is asked to stop.
    pub cancel_requested_at: Option<DateTimeUtc>,
    /// The subject that asked it to stop.
    pub cancel_requested_by: Option<String>,
    /// The job that this one repeats.
    pub retry_of: Option<Uuid>,
    /// What the running attempt is at.
    pub progress_phase: Option<String>,
    /// Units done.
    pub progress_done: i64,
    /// Units in all; unknown where absent.
    pub progress_total: Option<i64>,
    /// When progress was last said.
    pub progress_at: Option<DateTimeUtc>,
    /// Why the last attempt failed.
    pub error_code: Option<JobErrorCode>,
    /// The same, for the requester.
    pub error_message: Option<String>,
    /// JSON of the kind's own outcome.
    pub outcome: Option<String>,
}

/// Where a job stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum JobState {
    /// Waits for a worker.
    #[sea_orm(string_value = "QUEUED")]
    Queued,
    /// An attempt holds it under a lease.
    #[sea_orm(string_value = "RUNNING")]
    Running,
    /// Done; its artifact is there. Final.
    #[sea_orm(string_value = "SUCCEEDED")]
    Succeeded,
    /// Given up. Final.
    #[sea_orm(string_value = "FAILED")]
    Failed,
    /// Stopped on request. Final.
    #[sea_orm(string_value = "CANCELED")]
    Canceled,
}

/// Why a job failed.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum JobErrorCode {
    /// A fault of ours.
    #[sea_orm(string_value = "INTERNAL")]
    Internal,
    /// The artifact store.
    #[sea_orm(string_value = "STORAGE")]
    Storage,
    /// What it was to read is no longer there.
    #[sea_orm(string_value = "SOURCE_CHANGED")]
    SourceChanged,
    /// The requester lost the role that it needs.
    #[sea_orm(string_value = "ACCESS_REVOKED")]
    AccessRevoked,
    /// An attempt took longer than it may.
    #[sea_orm(string_value = "TIMEOUT")]
    Timeout,
    /// Its lease ran out: the process died or hung.
    #[sea_orm(string_value = "STALLED")]
    Stalled,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl Model {
    /// The end of the ID, which tells jobs of one moment apart: 8 hexadecimal digits of chance.
    #[must_use]
    pub fn short_id(&self) -> String {
        let id = self.id.simple().to_string();
        id[id.len() - 8..].to_owned()
    }
}

impl ActiveModelBehavior for ActiveModel {}
