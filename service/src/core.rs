//! The core of a process, which every function of the domain works with.
//!
//! The core does not depend on the audit log, jobs or exports. Their parts (the recorder of
//! entries, the worker of jobs) belong to [`crate::Instance`], which assembles a process.

use std::{path::PathBuf, sync::Arc, time::Duration};

use daybook_entity::job;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Clock, Database, Metrics, Notifier, Secret, permission::JobWork, store::Store,
    subscription_limit::SubscriptionCounts,
};

/// Limits and lifetimes that an operator can set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// URL of this instance for users, without a trailing slash. Links begin with it.
    pub public_url: String,
    /// Most records of one export. A larger export continues in further exports.
    pub export_max_records: u64,
    /// Most records of an export that the starting request waits for.
    pub export_inline_records: u64,
    /// Most exports that an organization may start in an hour; 0 allows none.
    pub exports_per_hour: u32,
    /// Time for which an artifact can be downloaded.
    pub artifact_ttl: Duration,
    /// Most backups that an organization, or the operators, may start in an hour; 0 allows none.
    pub backups_per_hour: u32,
    /// Most attempts that this process runs at once.
    pub job_concurrency: usize,
    /// Longest time without a heartbeat of an attempt, after which its job goes to another attempt.
    pub job_lease: Duration,
    /// Most concurrent subscriptions of one organization in this process.
    pub organization_subscriptions: usize,
    /// Folder for temporary files, which have no names.
    pub scratch: PathBuf,
    /// The migrations that this build knows. A backup holds the whole schema of these.
    pub migrations: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".to_owned(),
            export_max_records: 10_000,
            export_inline_records: 1_000,
            exports_per_hour: 10,
            artifact_ttl: Duration::from_secs(24 * 3600),
            backups_per_hour: 10,
            job_concurrency: 4,
            job_lease: Duration::from_secs(30),
            organization_subscriptions: 1_000,
            scratch: std::env::temp_dir(),
            migrations: Vec::new(),
        }
    }
}

/// The connections, keys, signals and tasks of one process. It holds no durable state: everything in it
/// can be rebuilt from the database.
#[derive(Debug)]
pub struct Core {
    /// The database, which holds all durable state except for files.
    pub db: Database,
    /// The clock of the process.
    pub clock: Clock,
    /// The secret that signs tokens, links and cursors.
    pub secret: Secret,
    /// The store of artifacts' files.
    pub store: Store,
    /// Limits and lifetimes.
    pub settings: Settings,
    /// Notifications between tasks and processes that there is something new to read.
    pub notifier: Notifier,
    /// Tasks that run beside requests; stopping waits for them.
    pub tasks: TaskTracker,
    /// Canceled when the process is asked to stop.
    pub stopping: CancellationToken,
    /// The name of this process, new at each start.
    pub node: String,
    /// Counters of this process.
    pub metrics: Metrics,
    /// The kinds of jobs that this build knows.
    pub(crate) job_kinds: JobKinds,
    /// Running subscriptions, by organization.
    pub(crate) subscriptions: SubscriptionCounts,
}

/// A kind of jobs, as seen by everything but its worker.
#[derive(Copy, Clone, Debug)]
pub(crate) struct JobKind {
    /// The name as stored in `jobs.kind`, in capitals.
    pub(crate) name: &'static str,
    /// The plural in messages to people, such as "exports".
    pub(crate) plural: &'static str,
    /// True if a job of this kind reads the audit log.
    pub(crate) reads_audit_log: bool,
    /// Returns the work that a payload describes.
    pub(crate) work: fn(&str) -> serde_json::Result<JobWork>,
    /// Returns the sequence of the last entry that had been removed from the log when a payload was
    /// planned.
    pub(crate) planned_after: fn(&str) -> serde_json::Result<Option<i64>>,
    /// Returns the options that the audit entry of a job's request shows.
    pub(crate) options: fn(&str) -> serde_json::Result<Option<serde_json::Value>>,
    /// Returns the most jobs of this kind that one organization may start in an hour.
    pub(crate) hourly_limit: fn(&Settings) -> u32,
}

/// The kinds of jobs that a build knows.
#[derive(Clone, Debug)]
pub(crate) struct JobKinds(Arc<[JobKind]>);

impl JobKinds {
    pub(crate) fn new(kinds: impl Iterator<Item = JobKind>) -> Self {
        Self(kinds.collect())
    }

    /// Returns the names of all kinds, as stored.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|kind| kind.name)
    }

    /// Returns the names of the kinds whose jobs read the audit log.
    pub(crate) fn names_reading_audit_log(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(|kind| kind.reads_audit_log).map(|kind| kind.name)
    }

    /// Returns the kind with this name; none if this build does not know it.
    pub(crate) fn find(&self, name: &str) -> Option<&JobKind> {
        self.0.iter().find(|kind| kind.name == name)
    }

    /// Returns the work of a job; none if this build can't read the job.
    pub(crate) fn readable_work(&self, job: &job::Model) -> Option<JobWork> {
        (self.find(&job.kind)?.work)(&job.payload).ok()
    }

    /// Returns the work of a job. A job that this build can't read is treated as the work that
    /// requires the most.
    pub(crate) fn work(&self, job: &job::Model) -> JobWork {
        self.readable_work(job).unwrap_or(JobWork::BackUp)
    }

    /// Returns the sequence of the last entry that had been removed from the log when the job was
    /// planned; none if the job reads no log.
    pub(crate) fn planned_after(&self, job: &job::Model) -> Option<i64> {
        (self.find(&job.kind)?.planned_after)(&job.payload).ok().flatten()
    }

    /// Returns the options that the audit entry of the job's request shows; none if this build can't
    /// read the job.
    pub(crate) fn options(&self, job: &job::Model) -> Option<serde_json::Value> {
        (self.find(&job.kind)?.options)(&job.payload).ok().flatten()
    }
}
