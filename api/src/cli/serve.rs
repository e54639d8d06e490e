//! `daybook serve` and `daybook worker`.

use anyhow::Result;
use daybook_service::{Clock, Instance, Lock, artifacts::sharing, organizations};
use tokio::signal::unix::{SignalKind, signal};

use super::report::inform;
use crate::{
    config::{Config, tighten},
    demo, http,
    server::{Duties, Server, start_work, stop as stop_instance},
};

/// Serves until a signal stops the process.
pub(super) async fn serve(config: Config, is_demo: bool, no_jobs: bool) -> Result<()> {
    let mut stop = stop_signal()?;
    let _lock = prepare(&config).await?;
    let hints = Hint::of(&config);
    let duties = if no_jobs { Duties::Serve } else { Duties::ServeAndWork };
    if no_jobs && config.backups.backup_schedule.is_some() {
        tracing::info!(
            "this process runs no jobs: DAYBOOK_BACKUP_SCHEDULE takes effect only in processes that do"
        );
    }
    let server = Server::start(config, duties, Clock::default()).await?;
    if is_demo && let Err(error) = demo::fill(&server.instance).await {
        server.stop().await?;
        return Err(error);
    }
    greet(&server, &hints).await;
    stop.wait().await;
    tracing::info!("stopping");
    server.stop().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Runs jobs until a signal stops the process.
pub(super) async fn worker(config: Config) -> Result<()> {
    let mut stop = stop_signal()?;
    config.options()?;
    // Checked before anything is created next to the file.
    config.check_file()?;
    let _lock = prepare(&config).await?;
    let instance = config.open_to_work(Clock::default()).await?;
    if let Some(address) = config.server_limits.metrics_listen {
        http::serve_metrics(&instance, address).await?;
    }
    instance.tasks.spawn(sharing::announce(std::sync::Arc::clone(&instance.core)));
    start_work(&instance);
    let concurrency = instance.settings.job_concurrency;
    tracing::info!(node = instance.node, concurrency, "running jobs");
    stop.wait().await;
    tracing::info!("stopping");
    stop_instance(&instance).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Prepares a long-running process: tries the bucket, locks a SQLite database, and removes other
/// accounts' access to artifacts that an earlier version left open, which may be many files.
async fn prepare(config: &Config) -> Result<Option<Lock>> {
    config.options()?;
    config.try_store().await?;
    let lock = config.lock_database()?;
    let places = config.paths();
    tokio::task::spawn_blocking(move || tighten(&places.exposed_artifacts())).await?;
    Ok(lock)
}

/// Maximum number of organizations that the greeting names.
const MAX_NAMED_ORGANIZATIONS: usize = 5;

/// Advice that the greeting gives after the server's address.
enum Hint {
    /// Names the command that prints a token.
    Token,
    /// Suggests setting a public URL, so that links work for other users.
    PublicUrl,
}

impl Hint {
    fn of(config: &Config) -> Vec<Self> {
        let is_for_others = config.public_url.is_none() && !config.listen.ip().is_loopback();
        // The command needs the secret, which it finds without further settings only in the data folder.
        let token = config.has_own_secret().then_some(Self::Token);
        token.into_iter().chain(is_for_others.then_some(Self::PublicUrl)).collect()
    }
}

/// Prints the server's URLs and how to sign in, on standard error.
async fn greet(server: &Server, hints: &[Hint]) {
    let url = &server.instance.settings.public_url;
    tracing::info!(address = %server.address, "serving");
    let mut lines = format!("Daybook is at {url}\n  GraphiQL   {url}/graphql\n");
    for hint in hints {
        match hint {
            Hint::Token => lines.push_str(&token_advice(&server.instance).await),
            Hint::PublicUrl => lines.push_str(
                "  public URL set DAYBOOK_PUBLIC_URL to the URL that users open, such as\n             \
                 https://daybook.example.com: links begin with it, and behind a proxy live\n             \
                 updates need it\n",
            ),
        }
    }
    inform(lines.trim_end());
}

/// Names the command that prints a token, for the organizations that exist.
async fn token_advice(instance: &Instance) -> String {
    let slugs = match organizations::first_slugs(instance, MAX_NAMED_ORGANIZATIONS + 1).await {
        Ok(slugs) => slugs,
        Err(error) => {
            tracing::warn!(%error, "failed to look up the organizations");
            return String::new();
        }
    };
    let command = |slug: &str| format!("daybook token --organization {slug} --role admin\n");
    let indent = "\n             ";
    let advice = match &slugs[..] {
        [] => {
            format!("daybook organization create SLUG --name NAME, then{indent}{}", command("SLUG"))
        }
        [slug] => command(slug),
        slugs => {
            let named = slugs.iter().take(MAX_NAMED_ORGANIZATIONS).map(String::as_str);
            let named = named.collect::<Vec<_>>().join(", ");
            let more = if slugs.len() > MAX_NAMED_ORGANIZATIONS { ", …" } else { "" };
            format!("{}             SLUG is one of {named}{more}\n", command("SLUG"))
        }
    };
    format!("  sign in    {advice}")
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
