//! `GET /readyz`: whether the process can serve, and by component why not.
//!
//! Reasons are texts of ours: what database and store said is for the log.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, extract,
    response::{IntoResponse, Response},
};
use daybook_migration::Standing;
use daybook_service::Instance;
use http::{StatusCode, header};
use serde::Serialize;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::State;

/// How long database and store may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long what was found is told without a new look: whoever asks often makes no work of it.
const MAX_REPORT_AGE: Duration = Duration::from_secs(1);

/// What was found last, and when.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Components)>>);

#[derive(Serialize)]
struct Report {
    status: Overall,
    components: Components,
}

#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Overall {
    Ready,
    /// It serves, with less than it should have.
    Degraded,
    Unready,
}

#[derive(Clone, Serialize)]
struct Components {
    process: Component,
    database: Component,
    schema: Component,
    artifacts: Component,
    /// Where it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    nats: Option<Component>,
    /// Where it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<Component>,
}

#[derive(Copy, Clone, Serialize)]
#[serde(rename_all = "lowercase", tag = "status", content = "reason")]
enum Component {
    Ok,
    Degraded(&'static str),
    Failed(&'static str),
    /// Could not be asked because something else failed.
    Unknown(&'static str),
}

/// Answers 200 where the process can serve, 503 where it can't, each with the components.
pub(super) async fn ready(extract::State(state): extract::State<State>) -> Response {
    let report = state.readiness.report(&state.instance).await;
    let status = match report.status {
        Overall::Ready | Overall::Degraded => StatusCode::OK,
        Overall::Unready => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(report)).into_response()
}

impl Readiness {
    async fn report(&self, instance: &Arc<Instance>) -> Report {
        // One looks, the others wait for what it finds.
        let mut last = self.0.lock().await;
        let found = match &*last {
            Some((at, found)) if at.elapsed() < MAX_REPORT_AGE => found.clone(),
            Some(_) | None => {
                let found = look(instance).await;
                *last = Some((Instant::now(), found.clone()));
                found
            }
        };
        // Known at once.
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

async fn look(instance: &Arc<Instance>) -> Components {
    let ((database, schema), artifacts, replica) =
        tokio::join!(database(instance), artifacts(instance), replica(instance));
    let (process, nats) = (process(instance), nats(instance));
    Components { process, database, schema, artifacts, nats, replica }
}

fn process(instance: &Instance) -> Component {
    if instance.stopping.is_cancelled() {
        Component::Failed("it is stopping")
    } else {
        Component::Ok
    }
}

/// Database and schema, from one question.
async fn database(instance: &Instance) -> (Component, Component) {
    let asked =
        timeout(CHECK_TIMEOUT, daybook_migration::standing(instance.db.access().connections()))
            .await;
    let failed = |reason| (Component::Failed(reason), Component::Unknown("it could not be asked"));
    match asked {
        Ok(Ok(standing)) => (Component::Ok, schema(&standing)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the database");
            failed("it does not answer")
        }
        Err(_) => failed("it does not answer in time"),
    }
}

fn schema(standing: &Standing) -> Component {
    match standing {
        Standing::Current => Component::Ok,
        Standing::Newer(_) if standing.can_go_on() => {
            Component::Degraded("it is newer than this version, which can go on for now")
        }
        Standing::Newer(_) => Component::Failed("it is newer than this version"),
        Standing::Older(_) => {
            Component::Failed("it is older than this version: run `daybook migrate up`")
        }
    }
}

/// Without it, others' news come with the tick: no reason to turn anybody away.
fn nats(instance: &Instance) -> Option<Component> {
    instance.settings.nats.as_ref().map(|_| {
        if instance.notifier.is_connected() {
            Component::Ok
        } else {
            Component::Degraded("it is not reached: news of other processes are late")
        }
    })
}

/// Without it, the primary answers: no reason to turn anybody away.
async fn replica(instance: &Instance) -> Option<Component> {
    Some(match instance.db.ask_replica().await? {
        Ok(_) => Component::Ok,
        Err(error) => {
            tracing::debug!(%error, "the replica");
            Component::Degraded("it does not answer: the primary does in its place")
        }
    })
}

async fn artifacts(instance: &Instance) -> Component {
    match timeout(CHECK_TIMEOUT, instance.store.probe()).await {
        Ok(Ok(())) => Component::Ok,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the artifact store");
            Component::Failed("it can't be written to")
        }
        Err(_) => Component::Failed("it does not answer in time"),
    }
}
