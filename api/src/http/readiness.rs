//! `GET /readyz`: the readiness of the process and of each component.
//!
//! Reasons are fixed texts; the errors of database and store are only in the log.

use std::{sync::Arc, time::Duration};

use daybook_migration::SchemaStatus;
use daybook_service::Instance;
use serde::Serialize;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// Time within which database and store must respond.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum age of a cached report, so that frequent requests cause no extra work.
const MAX_REPORT_AGE: Duration = Duration::from_secs(1);

/// Latest report and its time.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Components)>>);

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) status: Overall,
    components: Components,
}

#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Overall {
    Ready,
    /// The process serves, but a component that it can do without has failed.
    Degraded,
    Unready,
}

#[derive(Clone, Serialize)]
struct Components {
    process: Component,
    database: Component,
    schema: Component,
    artifacts: Component,
    /// None if NATS is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    nats: Option<Component>,
    /// None if no replica is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<Component>,
}

#[derive(Copy, Clone, Serialize)]
#[serde(rename_all = "lowercase", tag = "status", content = "reason")]
enum Component {
    Ok,
    Degraded(&'static str),
    Failed(&'static str),
    /// Not checked because another component failed.
    Unknown(&'static str),
}

impl Readiness {
    /// Returns the report of a moment ago, or a new one.
    pub(super) async fn report(&self, instance: &Arc<Instance>) -> Report {
        // One request checks the components; the others wait for its report.
        let mut last = self.0.lock().await;
        let found = match &*last {
            Some((at, found)) if at.elapsed() < MAX_REPORT_AGE => found.clone(),
            Some(_) | None => {
                let found = examine(instance).await;
                *last = Some((Instant::now(), found.clone()));
                found
            }
        };
        // Always current, since it costs nothing.
        let components = Components { process: process(instance), ..found };
        Report { status: components.overall(), components }
    }
}

impl Components {
    fn overall(&self) -> Overall {
        let Self { process, database, schema, artifacts, nats, replica } = self;
        let each = [process, database, schema, artifacts].into_iter().chain(nats).chain(replica);
        each.map(|component| component.overall()).max().unwrap_or(Overall::Ready)
    }
}

impl Component {
    fn overall(self) -> Overall {
        match self {
            Self::Ok => Overall::Ready,
            Self::Degraded(_) => Overall::Degraded,
            Self::Failed(_) | Self::Unknown(_) => Overall::Unready,
        }
    }
}

async fn examine(instance: &Arc<Instance>) -> Components {
    let ((database, schema), artifacts, replica) =
        tokio::join!(database(instance), artifacts(instance), replica(instance));
    let (process, nats) = (process(instance), nats(instance));
    Components { process, database, schema, artifacts, nats, replica }
}

fn process(instance: &Instance) -> Component {
    if instance.stopping.is_cancelled() {
        Component::Failed("the process is stopping")
    } else {
        Component::Ok
    }
}

/// Checks database and schema with one query.
async fn database(instance: &Instance) -> (Component, Component) {
    let asked = timeout(
        CHECK_TIMEOUT,
        daybook_migration::schema_status(instance.db.access().connections()),
    )
    .await;
    let failed = |reason| {
        (Component::Failed(reason), Component::Unknown("not checked, because the database failed"))
    };
    match asked {
        Ok(Ok(status)) => (Component::Ok, schema(&status)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the database failed");
            failed("the database does not respond")
        }
        Err(_) => failed("the database does not respond in time"),
    }
}

fn schema(status: &SchemaStatus) -> Component {
    match status {
        SchemaStatus::Current => Component::Ok,
        SchemaStatus::Newer(_) if status.can_go_on() => {
            Component::Degraded("the schema is newer than this version, which can still run on it")
        }
        SchemaStatus::Newer(_) => {
            Component::Failed("the schema is newer than this version of Daybook")
        }
        SchemaStatus::Unreleased => {
            Component::Failed("a development version from before the first release made the schema")
        }
        SchemaStatus::Older(_) => {
            Component::Failed("the schema is older than this version: run `daybook migrate up`")
        }
    }
}

/// Checks NATS. Without it, notifications are late, but the process can still serve.
fn nats(instance: &Instance) -> Option<Component> {
    instance.has_nats.then(|| {
        if instance.notifier.is_connected() {
            Component::Ok
        } else {
            Component::Degraded("NATS is not reachable; updates from other processes are delayed")
        }
    })
}

/// Checks the replica. Without it, the primary answers all reads.
async fn replica(instance: &Instance) -> Option<Component> {
    Some(match instance.db.ask_replica().await? {
        Ok(_) => Component::Ok,
        Err(error) => {
            tracing::debug!(%error, "the replica does not respond");
            Component::Degraded("the replica does not respond; the primary answers its reads")
        }
    })
}

async fn artifacts(instance: &Instance) -> Component {
    match timeout(CHECK_TIMEOUT, instance.store.probe()).await {
        Ok(Ok(())) => Component::Ok,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the artifact store failed");
            Component::Failed("can't write to the artifact store")
        }
        Err(_) => Component::Failed("the artifact store does not respond in time"),
    }
}
