//! A running server: listener, worker, and their end in order.

mod connections;
mod write_timeout;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use daybook_service::{
    Clock, Instance,
    artifacts::{janitor, sharing},
    backups::schedule,
    jobs,
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{config::Config, http};
use connections::Connections;

/// How long stopping may take before what is left is cut off.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25);

/// A server that serves.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it serves.
    pub instance: Arc<Instance>,
    serving: JoinHandle<()>,
}

/// What a process does beside serving.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Duties {
    /// Works jobs, too.
    ServeAndWork,
    /// Leaves jobs to other processes.
    Serve,
}

/// Begins to work jobs and to tidy up after them.
pub fn start_work(instance: &Arc<Instance>) {
    instance.tasks.spawn(jobs::work(Arc::clone(instance)));
    instance.tasks.spawn(janitor::tidy(Arc::clone(instance)));
    instance.tasks.spawn(schedule::follow(Arc::clone(instance)));
}

impl Server {
    /// Opens the instance that `config` describes and serves it.
    ///
    /// # Errors
    /// Whatever is missing or unsafe; the text says what to change.
    pub async fn start(mut config: Config, duties: Duties, clock: Clock) -> Result<Self> {
        let listener = TcpListener::bind(config.listen).await;
        let listener = listener.with_context(|| format!("can't listen on {}", config.listen))?;
        // The real port, where any was asked for: links name it.
        config.listen = listener.local_addr()?;
        let server_limits = config.server_limits.clone();
        let public_url = config.public_url.clone();
        let instance = config.open(clock).await?;
        instance.tasks.spawn(sharing::say(Arc::clone(&instance)));
        if duties == Duties::ServeAndWork {
            start_work(&instance);
        }
        if let Some(address) = server_limits.metrics_listen {
            http::serve_metrics(&instance, address).await?;
        }
        let router =
            http::router(Arc::clone(&instance), server_limits.clone(), public_url.as_deref())?;
        let connections = Connections { router, server_limits, instance: Arc::clone(&instance) };
        let serving = instance.tasks.spawn(connections::serve(listener, connections));
        Ok(Self { address: config.listen, instance, serving })
    }

    /// Stops in order: no new requests or jobs, running ones finish or go back, sockets close with
    /// a reason, connections to the database close.
    ///
    /// # Errors
    /// What could not be ended in time.
    pub async fn stop(self) -> Result<()> {
        let stopped = stop(&self.instance).await;
        self.serving.abort();
        stopped
    }
}

/// Stops an instance in order, and cuts off what does not end in time.
///
/// # Errors
/// What could not be ended in time.
pub async fn stop(instance: &Instance) -> Result<()> {
    let stopped = tokio::time::timeout(SHUTDOWN_TIMEOUT, instance.stop()).await;
    Ok(stopped.context("requests or jobs did not end in time")??)
}
