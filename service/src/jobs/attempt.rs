//! One attempt at a job: what its executor works with, and the ways in which an attempt can end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_entity::{
    artifact,
    job::{self, JobErrorCode},
};

use super::{
    file::File,
    lease::{self, LeaseStatus},
};
use crate::{
    Core, Error, Fault, Topic,
    database::sqlite,
    store::{Compression, Ending, Stored},
};

/// Minimum interval between two heartbeats of an attempt that advances, and so between two reports
/// of its progress.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(300);

/// A running attempt, which holds its job by the claim number in `job`.
pub struct Attempt {
    /// The core with which the attempt works.
    pub(crate) core: Arc<Core>,
    /// The job as it was claimed.
    pub(crate) job: job::Model,
    /// The object that the attempt writes; discarded unless the attempt succeeds.
    pub(super) file: File,
    /// The key of the object that the attempt writes; none before it begins one.
    pub(crate) object_key: Option<String>,
    last_heartbeat: Instant,
}

/// The result of an attempt that succeeded.
#[derive(Debug)]
pub struct Success {
    /// The artifact, if the kind makes one.
    pub(crate) artifact: Option<NewArtifact>,
    /// The outcome in the kind's own format, as JSON.
    pub(crate) outcome: String,
}

impl Success {
    /// Returns a success without an artifact; `outcome` is JSON in the kind's own format.
    #[must_use]
    pub fn without_artifact(outcome: String) -> Self {
        Self { artifact: None, outcome }
    }
}

/// An artifact that becomes visible when its attempt's success is stored.
#[derive(Clone, Debug)]
pub(crate) struct NewArtifact {
    /// The artifact's row; the transaction that stores it sets its dates.
    pub(crate) row: artifact::Model,
    /// The time for which the artifact is kept.
    pub(crate) lifetime: ArtifactLifetime,
}

/// The time for which an artifact is kept.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArtifactLifetime {
    /// Kept as long as `Settings::artifact_ttl` says.
    Ttl,
    /// Kept until it is removed explicitly.
    UntilRemoved,
}

/// The reason why an attempt ended without success, chosen at the line that failed.
#[derive(Debug)]
pub enum AttemptError {
    /// Another attempt may succeed; the text tells the requester why this one failed.
    Retry(JobErrorCode, String),
    /// No attempt can succeed; the text tells the requester why.
    Fail(JobErrorCode, String),
    /// The process is stopping.
    Interrupted,
    /// A user asked for the job to be canceled.
    Canceled,
    /// The attempt no longer holds the job.
    Lost,
}

impl Attempt {
    /// Makes the attempt of a job that was just claimed.
    #[must_use]
    pub fn new(core: Arc<Core>, job: job::Model) -> Self {
        Self { core, job, file: File::None, object_key: None, last_heartbeat: Instant::now() }
    }

    /// Begins the attempt's file in `folder` of the store.
    ///
    /// # Errors
    /// The attempt's end, if the compressor can't be made.
    pub(crate) fn open(
        &mut self,
        folder: &str,
        compressed: (Compression, Ending),
    ) -> Result<(), AttemptError> {
        let job = &self.job;
        // The key contains job and claim, so that no attempt can overwrite another's object.
        let key = format!("{folder}/{}/{}-{}", job.organization_id, job.id, job.claim);
        self.object_key = Some(key.clone());
        self.file = File::open(&self.core, &key, compressed)?;
        Ok(())
    }

    /// Appends a chunk to the attempt's file, which is written while the attempt goes on. Returns
    /// an empty chunk to fill next.
    ///
    /// # Errors
    /// The attempt's end, if the store did not accept this chunk or an earlier one.
    pub(crate) async fn write(&mut self, chunk: Vec<u8>) -> Result<Vec<u8>, AttemptError> {
        Ok(self.file.write(chunk).await?)
    }

    /// Completes the attempt's file.
    ///
    /// # Errors
    /// The attempt's end, if the store does not accept the file.
    pub(crate) async fn close(&mut self) -> Result<Stored, AttemptError> {
        Ok(self.file.close(&self.core).await?)
    }

    /// Waits for `work` and renews the lease meanwhile. Used for a step that may take longer than a
    /// lease, such as a statement of the database; only the attempt's deadline bounds it.
    ///
    /// # Errors
    /// The attempt's end, if it must stop here.
    pub(crate) async fn during<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, AttemptError> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(HEARTBEAT_INTERVAL) => {
                    let done = self.job.progress_done;
                    self.advanced(u64::try_from(done).unwrap_or(0)).await?;
                }
            }
        }
    }

    /// Reports the attempt's progress and renews its lease, unless it last did so less than
    /// [`HEARTBEAT_INTERVAL`] ago. Called by the work itself as it advances, so that work that hangs loses its
    /// lease.
    ///
    /// # Errors
    /// The attempt's end, if it must stop here.
    pub(crate) async fn advanced(&mut self, done: u64) -> Result<(), AttemptError> {
        if self.core.stopping.is_cancelled() {
            return Err(AttemptError::Interrupted);
        }
        self.job.progress_done = i64::try_from(done).unwrap_or(i64::MAX);
        if self.last_heartbeat.elapsed() < HEARTBEAT_INTERVAL {
            return Ok(());
        }
        self.last_heartbeat = Instant::now();
        match lease::heartbeat(&self.core, &self.job).await? {
            LeaseStatus::Held => {
                notify_progress(&self.core, &self.job);
                Ok(())
            }
            LeaseStatus::CancelRequested => Err(AttemptError::Canceled),
            LeaseStatus::Lost => Err(AttemptError::Lost),
        }
    }
}

/// Notifies those who watch the job's organization that the job advanced.
fn notify_progress(core: &Core, job: &job::Model) {
    core.notifier.notify(Topic::Jobs(job.organization_id));
    core.notifier.notify(Topic::AllJobs);
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        tracing::warn!(%error, "attempt failed");
        match error {
            Error::Fault(fault) => after(fault),
            // No credential is verified here.
            Error::Unavailable { message, .. } => {
                Self::Retry(JobErrorCode::Internal, message.into())
            }
            Error::Unauthenticated(_) | Error::Forbidden(_) => {
                let reason = "whoever asked for it may not do so any more";
                Self::Fail(JobErrorCode::AccessRevoked, reason.into())
            }
            Error::Refused(_) => {
                Self::Fail(JobErrorCode::SourceChanged, "what it was to read is gone".into())
            }
        }
    }
}

impl From<Fault> for AttemptError {
    fn from(fault: Fault) -> Self {
        Error::from(fault).into()
    }
}

impl From<sea_orm::DbErr> for AttemptError {
    fn from(error: sea_orm::DbErr) -> Self {
        Error::from(error).into()
    }
}

/// Returns the end of an attempt after a fault. Its text tells the requester what failed, and leaves
/// the causes to the log.
fn after(fault: Fault) -> AttemptError {
    use AttemptError::{Fail, Interrupted, Retry};
    use JobErrorCode::{Internal, Storage};
    match fault {
        Fault::Stopping => Interrupted,
        Fault::Store(_) => {
            Retry(Storage, "the artifact store failed to write or read the file".into())
        }
        Fault::Io { .. } => Retry(Storage, "the server failed to write or read a file".into()),
        Fault::Sqlite(error) if !sqlite::may_pass(&error) => {
            Fail(Internal, "the database can't be read or written".into())
        }
        Fault::Database(_)
        | Fault::Busy(_)
        | Fault::TimedOut(_)
        | Fault::CommitUnknown(_)
        | Fault::Sqlite(_) => Retry(Internal, "the database did not answer".into()),
        Fault::Task(_) => Retry(Internal, "a task of the attempt ended early".into()),
        Fault::Encode { what, source: _ } => Fail(Internal, format!("{what} could not be written")),
        Fault::Decode { what, source: _ } => {
            Fail(Internal, format!("stored data can't be read: {what}"))
        }
        Fault::Missing(what) => Fail(Internal, format!("{what} is missing")),
        Fault::Row(text) => Fail(Internal, text),
        Fault::Misconfigured { .. } => {
            Fail(Internal, "the server is not configured correctly".into())
        }
        Fault::Bug(_) => Fail(Internal, "Daybook has a bug".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what the requester of a job is told about a fault.
    fn told(fault: Fault) -> String {
        match AttemptError::from(Error::from(fault)) {
            AttemptError::Fail(JobErrorCode::Internal, text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn requester_is_told_what_failed_without_its_cause() {
        let full = || std::io::Error::other("secret detail");
        let writer = told(Fault::encode("the CSV file", full()));
        assert_eq!(writer, "the CSV file could not be written");
        let reader = told(Fault::decode("the tags of note 1", full()));
        assert_eq!(reader, "stored data can't be read: the tags of note 1");
        assert_eq!(told(Fault::Missing("the job feed".to_owned())), "the job feed is missing");
        for fault in [Fault::misconfigured("secret detail"), Fault::Bug("secret detail".to_owned())]
        {
            let text = told(fault);
            assert!(!text.contains("detail") && !text.contains("read"), "{text}");
        }
    }
}
