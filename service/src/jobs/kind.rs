//! Kinds of jobs. The engine knows none of them by name. They are registered in one visible list
//! (`crate::job_kinds`), and each implements what the engine needs.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use daybook_entity::job;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Attempt, AttemptError, Success};
use crate::{Settings, core::JobKind, permission::JobWork};

/// Maximum number of unreadable jobs that one process remembers; beyond it, the oldest is read
/// again.
const MAX_REMEMBERED_UNREADABLE: usize = 1_000;

/// A kind of background job: its payload, the permission that it requires, and its work.
pub trait Kind: 'static {
    /// The input of a job, frozen when it is requested and stored as JSON.
    ///
    /// The payload refuses unknown fields. A field that a newer version added may narrow what is
    /// included, so a process that does not know the field must leave the job to one that does.
    type Payload: DeserializeOwned + Send;

    /// The name in `jobs.kind`, in capitals. Audit actions and metrics contain it in lower case.
    const NAME: &'static str;

    /// The plural for messages to people, such as "exports".
    const PLURAL: &'static str;

    /// True if a job of this kind reads the audit log: retention removes nothing while one is
    /// unfinished.
    const READS_AUDIT_LOG: bool;

    /// Returns the work of a job, which determines the permission required when the job is
    /// requested and when it runs.
    fn work(payload: &Self::Payload) -> JobWork;

    /// Returns the sequence through which the audit log had been removed when the job was planned;
    /// `None` if the job reads no log. A job is queued only if no more has been removed since.
    fn planned_after(_: &Self::Payload) -> Option<i64> {
        None
    }

    /// Returns the options of a job that the audit entry of its request shows; `None` if there are
    /// none.
    fn options(_: &Self::Payload) -> Option<Json> {
        None
    }

    /// Returns the number of jobs that one organization may start in an hour.
    fn hourly_limit(settings: &Settings) -> u32;

    /// Runs one attempt. None of its work is visible until the engine has stored the outcome.
    fn run(
        attempt: &mut Attempt,
        payload: Self::Payload,
    ) -> impl Future<Output = Result<Success, AttemptError>> + Send;
}

/// A kind as the engine uses it: the trait's items without its types.
#[derive(Debug)]
pub struct RegisteredKind {
    about: JobKind,
    run: for<'a> fn(&'a mut Attempt) -> BoxFuture<'a, Result<Success, AttemptError>>,
}

impl RegisteredKind {
    /// Registers a kind.
    #[must_use]
    pub const fn new<K: Kind>() -> Self {
        Self {
            about: JobKind {
                name: K::NAME,
                plural: K::PLURAL,
                reads_audit_log: K::READS_AUDIT_LOG,
                work: |payload| Ok(K::work(&serde_json::from_str(payload)?)),
                planned_after: |payload| Ok(K::planned_after(&serde_json::from_str(payload)?)),
                options: |payload| Ok(K::options(&serde_json::from_str(payload)?)),
                hourly_limit: K::hourly_limit,
            },
            run: |attempt| match serde_json::from_str(&attempt.job.payload) {
                Ok(payload) => Box::pin(K::run(attempt, payload)),
                // Claims skip such jobs: the job goes back to the queue, without losing an attempt,
                // for a process that can read it.
                Err(_) => Box::pin(async { Err(AttemptError::Interrupted) }),
            },
        }
    }
}

/// The kinds that this build can run.
#[derive(Copy, Clone, Debug)]
pub struct Kinds(pub &'static [RegisteredKind]);

impl Kinds {
    /// Returns the kinds without the code that runs them.
    pub(crate) fn about(self) -> impl Iterator<Item = JobKind> {
        self.0.iter().map(|kind| kind.about)
    }

    /// Runs one attempt of its job.
    pub(super) async fn run(self, attempt: &mut Attempt) -> Result<Success, AttemptError> {
        match self.0.iter().find(|kind| kind.about.name == attempt.job.kind) {
            Some(kind) => (kind.run)(attempt).await,
            None => Err(AttemptError::Interrupted),
        }
    }
}

/// Queued jobs that this process can't read: a newer version wrote them, and a process of that
/// version runs them. They are remembered so that they do not hold up other jobs.
#[derive(Debug, Default)]
pub(crate) struct UnreadableJobs(Mutex<VecDeque<Uuid>>);

impl UnreadableJobs {
    pub(super) fn ids(&self) -> Vec<Uuid> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    pub(super) fn add(&self, job: &job::Model) {
        tracing::warn!(
            job.id = %job.id,
            job.kind,
            "this version can't read the job's payload; it is left to a node that can"
        );
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.push_back(job.id);
        if ids.len() > MAX_REMEMBERED_UNREADABLE {
            ids.pop_front();
        }
    }
}
