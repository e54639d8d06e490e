//! One attempt at a job: what its executor works with, and the ways in which it can end.

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
    lease::{self, Pulse},
};
use crate::{
    Core, Error, Fault,
    store::{Compression, Ending, Stored},
};

/// Least time between two heartbeats of an attempt that advances: at most so often is progress
/// said, too.
const BEAT: Duration = Duration::from_millis(300);

/// A running attempt. It holds its job by the claim number in `job`.
pub struct Attempt {
    /// What it works with.
    pub(crate) core: Arc<Core>,
    /// The job as it was claimed.
    pub(crate) job: job::Model,
    /// The object that it writes; given up unless the attempt succeeds.
    pub(super) file: File,
    /// The key of that object.
    pub(crate) object_key: Option<String>,
    last_beat: Instant,
}

/// What an attempt that succeeded came to.
#[derive(Debug)]
pub struct Success {
    /// The artifact, if the kind makes one.
    pub(crate) artifact: Option<NewArtifact>,
    /// The kind's own outcome, as JSON.
    pub(crate) outcome: String,
}

impl Success {
    /// A success without an artifact; `outcome` is the kind's own, as JSON.
    #[must_use]
    pub fn without_artifact(outcome: String) -> Self {
        Self { artifact: None, outcome }
    }
}

/// An artifact that becomes visible when its attempt's success is stored.
#[derive(Clone, Debug)]
pub(crate) struct NewArtifact {
    /// The row; the storing transaction sets its dates.
    pub(crate) row: artifact::Model,
    /// The time for which it is kept.
    pub(crate) lifetime: ArtifactLifetime,
}

/// The time for which an artifact is kept.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArtifactLifetime {
    /// As long as `Settings::artifact_ttl` says.
    Ttl,
    /// Until whoever looks after such files removes it.
    UntilRemoved,
}

/// Why an attempt ended without success. Said at the failing line.
#[derive(Debug)]
pub enum End {
    /// Another attempt may do better; the reason is for the requester.
    Retry(JobErrorCode, String),
    /// No attempt can do better; the reason is for the requester.
    Fail(JobErrorCode, String),
    /// The process stops.
    Interrupted,
    /// The requester wants it stopped.
    Canceled,
    /// Another attempt has the job now.
    Lost,
}

impl Attempt {
    /// Of a job that was just claimed.
    #[must_use]
    pub fn new(core: Arc<Core>, job: job::Model) -> Self {
        Self { core, job, file: File::None, object_key: None, last_beat: Instant::now() }
    }

    /// Begins the attempt's file, in `folder` of the store.
    ///
    /// # Errors
    /// The end, where a compressor can't be made.
    pub(crate) fn open(
        &mut self,
        folder: &str,
        compressed: (Compression, Ending),
    ) -> Result<(), End> {
        let job = &self.job;
        // Job and claim are in the key: no attempt can write over another's object.
        let key = format!("{folder}/{}/{}-{}", job.organization_id, job.id, job.claim);
        self.object_key = Some(key.clone());
        self.file = File::open(&self.core, &key, compressed)?;
        Ok(())
    }

    /// Appends to the attempt's file, which is written while the attempt goes on; an empty chunk to go
    /// on with.
    ///
    /// # Errors
    /// The end, where the store does not take it, or did not take an earlier chunk.
    pub(crate) async fn write(&mut self, chunk: Vec<u8>) -> Result<Vec<u8>, End> {
        Ok(self.file.write(chunk).await?)
    }

    /// Makes the attempt's file whole.
    ///
    /// # Errors
    /// The end, where the store does not take it.
    pub(crate) async fn close(&mut self) -> Result<Stored, End> {
        Ok(self.file.close(&self.core).await?)
    }

    /// Waits for `work`, and renews the lease meanwhile: for one step that may take longer than a
    /// lease, such as a statement of the database. What bounds it is the attempt's deadline.
    ///
    /// # Errors
    /// The end, where the attempt is to stop here.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, End> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(BEAT) => {
                    let done = self.job.progress_done;
                    self.advanced(u64::try_from(done).unwrap_or(0)).await?;
                }
            }
        }
    }

    /// Says how far the attempt is and renews its lease, if the last time is long enough ago.
    /// Called by the work itself when it advanced: one that hangs loses its lease.
    ///
    /// # Errors
    /// The end, where the attempt is to stop here.
    pub(crate) async fn advanced(&mut self, done: u64) -> Result<(), End> {
        if self.core.stopping.is_cancelled() {
            return Err(End::Interrupted);
        }
        self.job.progress_done = i64::try_from(done).unwrap_or(i64::MAX);
        if self.last_beat.elapsed() < BEAT {
            return Ok(());
        }
        self.last_beat = Instant::now();
        match lease::beat(&self.core, &self.job).await? {
            Pulse::Held => {
                super::worker::ring_progress(&self.core, &self.job);
                Ok(())
            }
            Pulse::CancelRequested => Err(End::Canceled),
            Pulse::Lost => Err(End::Lost),
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        tracing::warn!(%error, "attempt failed");
        match error {
            Error::Fault(Fault::Store(_) | Fault::Io { .. }) => Self::Retry(
                JobErrorCode::Storage,
                "the artifact store did not take the file".into(),
            ),
            Error::Fault(Fault::Stopping) => Self::Interrupted,
            Error::Fault(Fault::Row(text)) => Self::Fail(JobErrorCode::Internal, text),
            Error::Fault(Fault::Stored(_) | Fault::Unfit(_)) => {
                Self::Fail(JobErrorCode::Internal, "stored data can't be read".into())
            }
            Error::Fault(
                Fault::Database(_)
                | Fault::Busy(_)
                | Fault::TimedOut(_)
                | Fault::CommitUnknown(_)
                | Fault::Task(_),
            ) => Self::Retry(JobErrorCode::Internal, "the database did not answer".into()),
            // No credential is looked at here.
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

impl From<sea_orm::DbErr> for End {
    fn from(error: sea_orm::DbErr) -> Self {
        Error::from(error).into()
    }
}
