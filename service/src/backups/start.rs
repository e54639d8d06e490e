//! Starting a backup.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Backup, Plan};
use crate::{
    Error, Fault, Result, Scope, input,
    jobs::{self, Enqueued, Kind, NewJob},
    store::Compression,
};

/// What is asked for: a backup of the scope's organization, or of everything where that is the
/// instance's own.
#[derive(Clone, Debug)]
pub struct StartBackup {
    /// Restore the file into an empty database and compare, as part of the job.
    pub verify: bool,
    /// How the file is to be compressed.
    pub compression: Compression,
    /// The caller's key: repeating it starts nothing.
    pub idempotency_key: Option<String>,
    /// When a schedule asked for it, if one did.
    pub scheduled_for: Option<DateTime<Utc>>,
}

/// Queues a backup.
///
/// # Errors
/// A key that can't be used; a database fault.
pub async fn start(scope: &Scope, request: StartBackup) -> Result<Enqueued> {
    let StartBackup { verify, compression, idempotency_key, scheduled_for } = request;
    if let Some(problem) = input::problem_of_key(idempotency_key.as_ref()) {
        return Err(Error::Refused(vec![problem]));
    }
    let plan = Plan { verify, compression, scheduled_for };
    let fault = |error: serde_json::Error| Fault::Stored(format!("backup plan: {error}"));
    let payload = serde_json::to_string(&plan).map_err(fault)?;
    let new = NewJob {
        kind: Backup::NAME.to_owned(),
        request_hash: Sha256::digest(&payload).to_vec(),
        payload,
        idempotency_key,
        total: None,
        retry_of: None,
    };
    jobs::enqueue(scope, new).await
}
