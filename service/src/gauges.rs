//! Gauges measured at each scrape: jobs, queue, subscriptions, connection pools, and the database's
//! write-ahead log and transactions.

use std::{fs, sync::atomic::AtomicU64};

use daybook_entity::job::{Column, Entity, JobState};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect,
    Statement,
};

use crate::{Core, Engine, Fault, Result, database::sqlite, tenancy};

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    kind: String,
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    pool: &'static str,
    state: &'static str,
}

/// Media type of the text that [`render`] returns: OpenMetrics 1.0.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Returns this process's metrics and the current gauges as OpenMetrics text.
///
/// # Errors
/// A database fault.
pub async fn render(core: &Core) -> Result<String> {
    let mut registry = Registry::with_prefix("daybook");
    core.metrics.register(&mut registry);
    tenancy::system(register(&mut registry, core)).await?;
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| Fault::encode("the metrics", error))?;
    Ok(text)
}

async fn register(registry: &mut Registry, core: &Core) -> Result<()> {
    let help = "Unfinished jobs of the instance";
    registry.register("jobs", help, jobs(core).await?);
    let help = "How long the job that waits longest could have been claimed";
    registry.register("queue_age_seconds", help, seconds(queue_age(core).await?));
    let help = "Subscriptions in this process";
    registry.register("subscriptions", help, count(core.subscriptions.total()));
    registry.register("pool_connections", "Connections to the database", pools(core));
    match core.db.engine() {
        Engine::Sqlite => {
            let help = "Bytes of SQLite's write-ahead log";
            registry.register("sqlite_wal_bytes", help, count(wal_bytes(core)));
        }
        Engine::Postgres => {
            let help = "How long the oldest transaction in the database has run";
            let age = oldest_transaction(core).await?;
            registry.register("oldest_transaction_seconds", help, seconds(age));
        }
    }
    Ok(())
}

/// Counts unfinished jobs by kind and state. Finished jobs are not counted here, because there may
/// be millions; a counter is incremented as each one finishes.
async fn jobs(core: &Core) -> Result<Family<JobLabels, Gauge>> {
    let states = [JobState::Queued, JobState::Running];
    let found = Entity::find()
        .select_only()
        .columns([Column::Kind, Column::State])
        .column_as(Column::Id.count(), "number")
        .filter(Column::State.is_in(states))
        .group_by(Column::Kind)
        .group_by(Column::State)
        .into_tuple::<(String, JobState, i64)>();
    let jobs = Family::<JobLabels, Gauge>::default();
    let gauge = |kind: &str, state: JobState| {
        let labels =
            JobLabels { kind: kind.to_lowercase(), state: state.to_value().to_lowercase() };
        jobs.get_or_create(&labels).clone()
    };
    for (kind, state) in core.job_kinds.names().flat_map(|kind| states.map(|state| (kind, state))) {
        gauge(kind, state).set(0);
    }
    for (kind, state, number) in found.all(core.db.reader()).await? {
        gauge(&kind, state).set(number);
    }
    Ok(jobs)
}

async fn queue_age(core: &Core) -> Result<f64> {
    let oldest = Entity::find()
        .select_only()
        .column_as(Column::AvailableAt.min(), "oldest")
        .filter(Column::State.eq(JobState::Queued))
        .into_tuple::<Option<chrono::DateTime<chrono::Utc>>>();
    let oldest = oldest.one(core.db.reader()).await?.flatten();
    let age = oldest.map(|oldest| (core.clock.now() - oldest).as_seconds_f64());
    // A job whose retry is scheduled for later is not waiting yet.
    Ok(age.unwrap_or_default().max(0.0))
}

fn pools(core: &Core) -> Family<PoolLabels, Gauge> {
    let pools = Family::<PoolLabels, Gauge>::default();
    for (pool, size, idle) in core.db.pools() {
        let used = i64::from(size) - i64::from(idle);
        for (state, number) in [("used", used), ("idle", i64::from(idle))] {
            pools.get_or_create(&PoolLabels { pool, state }).set(number.max(0));
        }
    }
    pools
}

fn wal_bytes(core: &Core) -> usize {
    let mut log = sqlite::file(core.db.bulk()).into_os_string();
    log.push("-wal");
    // The file exists only after the first write.
    let bytes = fs::metadata(log).map(|file| file.len()).unwrap_or_default();
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

async fn oldest_transaction(core: &Core) -> Result<f64> {
    let sql = "SELECT COALESCE(EXTRACT(EPOCH FROM max(clock_timestamp() - xact_start)), 0)::float8 \
        AS age FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row = core.db.reader().query_one_raw(statement).await?;
    Ok(row.map(|row| row.try_get("", "age")).transpose()?.unwrap_or_default())
}

fn seconds(value: f64) -> Seconds {
    let gauge = Seconds::default();
    gauge.set(value);
    gauge
}

fn count(value: usize) -> Gauge {
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge
}
