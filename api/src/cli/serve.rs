//! `daybook serve` and `daybook worker`.

use anyhow::Result;
use daybook_service::Clock;
use tokio::signal::unix::{SignalKind, signal};

use super::complain;
use crate::{
    config::{Config, tighten},
    demo, http,
    server::{Duties, Server, start_work, stop as stop_instance},
};

/// Serves until it is asked to stop.
pub(super) async fn serve(config: Config, is_demo: bool, no_jobs: bool) -> Result<()> {
    let mut stop = stop_signal()?;
    tighten_artifacts(&config).await?;
    let has_own_secret = config.has_own_secret();
    let duties = if no_jobs { Duties::Serve } else { Duties::ServeAndWork };
    let server = Server::start(config, duties, Clock::default()).await?;
    if is_demo && let Err(error) = demo::fill(&server.instance).await {
        server.stop().await?;
        return Err(error);
    }
    greet(&server, is_demo, has_own_secret);
    stop.wait().await;
    tracing::info!("stopping");
    server.stop().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Works jobs until it is asked to stop.
pub(super) async fn worker(config: Config) -> Result<()> {
    let mut stop = stop_signal()?;
    tighten_artifacts(&config).await?;
    let instance = config.open_to_work(Clock::default()).await?;
    if let Some(address) = config.front_door.metrics_listen {
        http::serve_metrics(&instance, address).await?;
    }
    start_work(&instance);
    let concurrency = instance.settings.job_concurrency;
    tracing::info!(node = instance.node, concurrency, "working jobs");
    stop.wait().await;
    tracing::info!("stopping");
    stop_instance(&instance).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Closes what an earlier version has left open to other accounts. Files may be many, and are looked
/// at by whoever runs for long.
async fn tighten_artifacts(config: &Config) -> Result<()> {
    let places = config.places();
    Ok(tokio::task::spawn_blocking(move || tighten(&places.exposed_artifacts())).await?)
}

/// Says where things are and how to get in. On standard error, with the log.
fn greet(server: &Server, is_demo: bool, has_own_secret: bool) {
    let url = &server.instance.settings.public_url;
    tracing::info!(address = %server.address, "serving");
    let mut lines = format!("Daybook is at {url}\n  GraphiQL   {url}/graphql\n");
    if has_own_secret {
        let organization = if is_demo { "acme" } else { "SLUG" };
        lines.push_str("  a token    ");
        if !is_demo {
            lines.push_str("daybook organization create SLUG --name NAME, then\n             ");
        }
        lines.push_str(&format!("daybook token --organization {organization} --role admin\n"));
    }
    complain(&lines);
}

struct StopSignal {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

fn stop_signal() -> Result<StopSignal> {
    Ok(StopSignal {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    })
}

impl StopSignal {
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
