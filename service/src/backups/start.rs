//! Queues jobs that back up an organization or the whole instance.

use chrono::{DateTime, Utc};

use super::{Backup, Plan};
use crate::{
    Error, Fault, Permission, Result, Scope, idempotency,
    jobs::{self, Enqueued, Kind, NewJob},
    store::Compression,
};

/// Request for a backup of the scope's organization, or of everything if that is the instance's
/// own organization.
#[derive(Clone, Debug)]
pub struct StartBackup {
    /// True to restore the file into an empty database and compare it, as part of the job.
    pub verify: bool,
    /// Compression of the file.
    pub compression: Compression,
    /// The caller's idempotency key: a request that repeats it starts no second backup.
    pub idempotency_key: Option<String>,
    /// Time for which a schedule planned the backup; none if the backup is not scheduled.
    pub scheduled_for: Option<DateTime<Utc>>,
}

/// Queues a backup job for the scope's organization.
///
/// # Errors
/// A problem if the idempotency key is invalid; CONFLICT if the key was used with other input;
/// RATE_LIMITED if the organization has used up its quota for backups; a database fault.
pub async fn start(scope: &Scope, request: StartBackup) -> Result<Enqueued> {
    scope.require(Permission::BackUp)?;
    let StartBackup { verify, compression, idempotency_key, scheduled_for } = request;
    if let Some(problem) = idempotency::problem_of_key(idempotency_key.as_ref()) {
        return Err(Error::Refused(vec![problem]));
    }
    let plan = Plan { verify, compression, scheduled_for };
    let payload = serde_json::to_string(&plan);
    let payload = payload.map_err(|error| Fault::encode("the backup's plan", error))?;
    let new = NewJob {
        kind: Backup::NAME.to_owned(),
        request_hash: idempotency::request_hash(&plan).to_vec(),
        payload,
        idempotency_key,
        total: None,
        retry_of: None,
    };
    jobs::enqueue(scope, new).await
}
