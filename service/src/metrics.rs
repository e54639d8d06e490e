//! Metrics of the process and the instance, in the text format of OpenMetrics.
//!
//! Counters belong to this process and start at zero with it. Values that are read from the
//! database at a scrape (jobs, queue) belong to the instance and are the same from every process.
//! No label holds a value that a tenant or client chooses, so the number of series is bounded.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use daybook_entity::job::JobErrorCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use sea_orm::ActiveEnum;

use crate::transition::Transition;

/// Upper bounds of the histograms' buckets, in seconds.
const DURATIONS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Counters, gauges and histograms of this process.
#[derive(Clone, Debug)]
pub struct Metrics {
    operations: Family<OperationLabels, Histogram, fn() -> Histogram>,
    transitions: Family<TransitionLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
    stale_claims: Counter,
    output_bytes: Family<KindLabels, Counter>,
    downloaded_bytes: Counter,
    downloads: Family<DownloadLabels, Counter>,
    sockets: Gauge,
    feed_lag: Family<FeedLabels, Histogram, fn() -> Histogram>,
    replica_reads: Family<ReaderLabels, Counter>,
    retention_held_back: Family<ObstacleLabels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: Arc<str>,
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransitionLabels {
    kind: String,
    transition: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    kind: String,
    code: String,
    transition: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeedLabels {
    feed: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReaderLabels {
    answer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObstacleLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DownloadLabels {
    entry: &'static str,
}

/// The audit entry for a use of a link to a file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Download {
    /// The use was recorded.
    Recorded,
    /// The client's use was recorded before: another range, or the same file again.
    Repeated,
    /// The use was refused, because too many clients use the link.
    Refused,
}

/// The database that answered a read that a replica might have answered.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The replica answered.
    Replica,
    /// The primary answered, because the replica lagged.
    ReplicaBehind,
    /// The primary answered, because the replica did not.
    ReplicaAway,
}

/// A feed that subscribers follow.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    /// The feed of transitions of jobs.
    Jobs,
    /// The feed of entries of an audit log.
    AuditLog,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: String,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            operations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            transitions: Family::default(),
            failures: Family::default(),
            stale_claims: Counter::default(),
            output_bytes: Family::default(),
            downloaded_bytes: Counter::default(),
            downloads: Family::default(),
            sockets: Gauge::default(),
            feed_lag: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            replica_reads: Family::default(),
            retention_held_back: Family::default(),
        }
    }
}

/// A counted open WebSocket; dropping this ends the counting.
#[derive(Debug)]
pub struct OpenSocket(Gauge);

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Counts a query or mutation. `operation` must come from a bounded set, not from the client.
    pub fn operation(&self, operation: &str, kind: &'static str, is_ok: bool, took: Duration) {
        let outcome = if is_ok { "ok" } else { "error" };
        let labels = OperationLabels { operation: operation.into(), kind, outcome };
        self.operations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts a WebSocket until the returned value is dropped.
    #[must_use]
    pub fn socket(&self) -> OpenSocket {
        self.sockets.inc();
        OpenSocket(self.sockets.clone())
    }

    /// Counts bytes of files that were sent to clients.
    pub fn downloaded(&self, bytes: u64) {
        self.downloaded_bytes.inc_by(bytes);
    }

    /// Counts a use of a link to a file.
    pub fn download(&self, download: Download) {
        let entry = match download {
            Download::Recorded => "recorded",
            Download::Repeated => "repeated",
            Download::Refused => "refused",
        };
        self.downloads.get_or_create(&DownloadLabels { entry }).inc();
    }

    /// Counts a transition. Call this after its COMMIT.
    pub(crate) fn transition(
        &self,
        kind: &str,
        transition: Transition,
        code: Option<JobErrorCode>,
    ) {
        let (kind, verb) = (kind.to_lowercase(), transition.verb());
        match transition {
            Transition::Failed | Transition::Retried | Transition::Rescued => {
                let code = code.map_or_else(|| "NONE".to_owned(), |code| code.to_value());
                let labels = FailureLabels { kind: kind.clone(), code, transition: verb };
                self.failures.get_or_create(&labels).inc();
            }
            Transition::Requested
            | Transition::Started
            | Transition::Succeeded
            | Transition::Canceled
            | Transition::Interrupted => {}
        }
        self.transitions.get_or_create(&TransitionLabels { kind, transition: verb }).inc();
    }

    /// Counts an attempt that ended after it had lost its job.
    pub(crate) fn stale_claim(&self) {
        self.stale_claims.inc();
    }

    /// Counts the bytes of a job's file. Call this after its COMMIT.
    pub(crate) fn produced(&self, kind: &str, bytes: i64) {
        let bytes = u64::try_from(bytes).unwrap_or_default();
        self.output_bytes.get_or_create(&KindLabels { kind: kind.to_lowercase() }).inc_by(bytes);
    }

    /// Records the delay `late` between the writing of an event and its delivery to a subscriber
    /// that had received all events before it.
    pub(crate) fn fed(&self, feed: Feed, late: TimeDelta) {
        let feed = match feed {
            Feed::Jobs => "jobs",
            Feed::AuditLog => "audit_log",
        };
        // The database's clock may be ahead of this process's.
        let late = late.as_seconds_f64().max(0.0);
        self.feed_lag.get_or_create(&FeedLabels { feed }).observe(late);
    }

    /// Counts a read that a replica might have answered.
    pub(crate) fn read(&self, reader: Reader) {
        let answer = match reader {
            Reader::Replica => "replica",
            Reader::ReplicaBehind => "primary_replica_behind",
            Reader::ReplicaAway => "primary_replica_away",
        };
        self.replica_reads.get_or_create(&ReaderLabels { answer }).inc();
    }

    /// Sets the number of logs whose old entries are kept for this reason.
    pub(crate) fn retention_held_back(&self, reason: &'static str, logs: usize) {
        let logs = i64::try_from(logs).unwrap_or(i64::MAX);
        self.retention_held_back.get_or_create(&ObstacleLabels { reason }).set(logs);
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Queries and mutations, by operation, kind and outcome";
        registry.register("operation_duration_seconds", help, self.operations.clone());
        let help = "Transitions of jobs that this process made; rescued: a lease ran out";
        registry.register("job_transitions", help, self.transitions.clone());
        let help = "Attempts that failed, by code; failed: given up";
        registry.register("job_failures", help, self.failures.clone());
        let help = "Attempts that ended after they had lost their job, and changed nothing";
        registry.register("job_stale_claims", help, self.stale_claims.clone());
        let help = "Bytes of the files that jobs produced";
        registry.register("job_output_bytes", help, self.output_bytes.clone());
        let help = "Bytes of files that were sent";
        registry.register("downloaded_bytes", help, self.downloaded_bytes.clone());
        let help = "Uses of links to files; repeated: of a client that the log has already";
        registry.register("downloads", help, self.downloads.clone());
        registry.register("sockets", "Open WebSockets", self.sockets.clone());
        let help = "How long after it was written subscribers that follow were told the next thing";
        registry.register("feed_lag_seconds", help, self.feed_lag.clone());
        let help = "Reads that a replica might have answered, by who answered and why";
        registry.register("replica_reads", help, self.replica_reads.clone());
        let help = "Logs whose old entries were kept at this process's last sweep, by reason";
        registry.register("retention_held_back", help, self.retention_held_back.clone());
    }
}
