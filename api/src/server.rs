//! A running server: listener, worker, and their orderly shutdown.

mod connections;
mod write_timeout;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use daybook_service::{Clock, Instance, artifacts::sharing, backups::schedule, janitor, jobs};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{config::Config, http};
use connections::Connections;

/// Maximum duration of an orderly shutdown; whatever is left then is dropped.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25);

/// A running server.
pub struct Server {
    /// Address that the server listens on.
    pub address: SocketAddr,
    /// Instance that the server serves.
    pub instance: Arc<Instance>,
    serving: JoinHandle<()>,
}

/// Duties of a process that serves.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Duties {
    /// The process also runs jobs.
    ServeAndWork,
    /// The process leaves jobs to others.
    Serve,
}

/// Starts the tasks that run jobs, remove old data and follow the backup schedule.
pub fn start_work(instance: &Arc<Instance>) {
    instance.tasks.spawn(jobs::work(Arc::clone(&instance.worker)));
    let core = &instance.core;
    core.tasks.spawn(janitor::run(Arc::clone(core)));
    if let Some(schedule) = &instance.backup_schedule {
        core.tasks.spawn(schedule::follow(Arc::clone(core), schedule.clone()));
    }
}

impl Server {
    /// Opens the instance that `config` describes, and starts to serve it.
    ///
    /// # Errors
    /// Fails if a setting is missing or unsafe; the text says what to change.
    pub async fn start(mut config: Config, duties: Duties, clock: Clock) -> Result<Self> {
        let listener = TcpListener::bind(config.listen).await;
        let listener = listener.with_context(|| format!("can't listen on {}", config.listen))?;
        // Links contain the actual port, which differs from the configured one if that is 0.
        config.listen = listener.local_addr()?;
        let instance = config.open(clock).await?;
        instance.tasks.spawn(sharing::announce(Arc::clone(&instance.core)));
        if duties == Duties::ServeAndWork {
            start_work(&instance);
        }
        let server_limits = config.server_limits.clone();
        if let Some(address) = server_limits.metrics_listen {
            http::serve_metrics(&instance, address).await?;
        }
        let router = http::router(Arc::clone(&instance), &config)?;
        let connections = Connections { router, server_limits, instance: Arc::clone(&instance) };
        let serving = instance.tasks.spawn(connections::serve(listener, connections));
        Ok(Self { address: config.listen, instance, serving })
    }

    /// Stops in order: no new requests or jobs start, running ones finish or return to the queue,
    /// WebSockets close with a reason, and database connections close.
    ///
    /// # Errors
    /// Fails if requests or jobs did not end in time.
    pub async fn stop(self) -> Result<()> {
        let stopped = stop(&self.instance).await;
        self.serving.abort();
        stopped
    }
}

/// Stops an instance in order, and drops whatever does not end in time.
///
/// # Errors
/// Fails if requests or jobs did not end in time.
pub async fn stop(instance: &Instance) -> Result<()> {
    let stopped = tokio::time::timeout(SHUTDOWN_TIMEOUT, instance.stop()).await;
    Ok(stopped.context("some requests or jobs did not finish in time, and were stopped")??)
}
