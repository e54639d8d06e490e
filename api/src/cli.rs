//! The command line. Exit codes: 0 for success, 1 for failure, 2 for wrong usage.

mod access;
mod api_key;
mod backup;
mod caller;
mod command;
mod doctor;
mod import;
mod instance;
mod log;
mod migrate;
mod output;
mod report;
mod restore;
mod retention;
mod secret;
mod serve;
mod settings;
mod usage;

use std::{io, process::ExitCode};

use anyhow::{Context, Result};
use daybook_service::{Clock, GlobalId, organizations, tenancy};
use nix::sys::stat::{Mode, umask};

use crate::{graphql, traces::Traces};
use command::{Cli, Command, OrganizationCommand};
use instance::{close, name_database};
use output::say;
use report::{complain, reason};

pub(crate) use report::{inform, is_for_programs};

/// Runs the command that the command line names.
#[must_use]
pub fn main() -> ExitCode {
    // Only the owner may open files that this process creates, including those of SQLite and the object store.
    umask(Mode::from_bits_truncate(0o077));
    let mut cli = match usage::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    if let Err(error) = cli.config.read_credential_files() {
        complain(&reason(&error));
        return ExitCode::FAILURE;
    }
    let traces = match Traces::from_environment() {
        Ok(traces) => traces,
        Err(error) => {
            complain(&reason(&error));
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = log::start(&cli.config, traces.as_ref()) {
        complain(&reason(&error));
        return ExitCode::FAILURE;
    }
    for complaint in settings::unknown_variables() {
        tracing::warn!("{complaint}");
    }
    use_small_pages();
    // The process uses a single crypto provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("can't start the runtime").and_then(|runtime| {
        let outcome = runtime.block_on(tenancy::system(run(cli)));
        // Tasks that did not end in time are dropped, even if they block a thread.
        runtime.shutdown_background();
        outcome
    });
    if let Some(traces) = traces {
        traces.stop();
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of standard output has closed it, which is not a failure.
        Err(error) if error.downcast_ref().is_some_and(is_closed) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&reason(&error));
            ExitCode::FAILURE
        }
    }
}

/// Disables transparent huge pages. With them each thread's heap begins with a page of 2 MiB, which is
/// half of the memory of a process with little to do, and no gain could be measured.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "failed to disable transparent huge pages");
    }
}

fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Runs a command. If it fails, also names the database that it used.
async fn run(cli: Cli) -> Result<()> {
    let database = cli.command.needs_database().then(|| cli.config.database_name());
    let done = work(cli).await;
    if let (Err(error), Some(database)) = (&done, database)
        && !reason(error).contains(&database)
    {
        name_database(&database);
    }
    done
}

async fn work(Cli { config, command }: Cli) -> Result<()> {
    match command {
        Command::Serve { demo, no_jobs } => serve::serve(config, demo, no_jobs).await,
        Command::Worker => serve::worker(config).await,
        Command::Migrate(command) => migrate::migrate(&config, command).await,
        Command::Schema => say(graphql::sdl().trim_end()),
        Command::Organization(OrganizationCommand::Create { slug, name, init }) => {
            let clock = Clock::default();
            let instance =
                if init { config.open(clock).await? } else { config.open_existing(clock).await? };
            let viewer = caller::viewer(&config)?;
            let organization = organizations::create(&instance.core, &viewer, &slug, &name).await?;
            say(&GlobalId::Organization(organization.id).to_string())?;
            close(&config, &instance).await
        }
        Command::Token(options) => access::token(&config, options).await,
        Command::Member(command) => access::member(&config, command).await,
        Command::ApiKey(command) => api_key::api_key(&config, command).await,
        Command::Operator(command) => access::operator(&config, command).await,
        Command::Import(command) => import::import(&config, command).await,
        Command::Retention(command) => retention::retention(&config, command).await,
        Command::Hold(command) => retention::hold(&config, command).await,
        Command::Backup(command) => backup::backup(&config, command).await,
        Command::Secret(command) => secret::secret(&config, command).await,
        Command::Doctor { json } => doctor::doctor(&config, json).await,
        Command::Restore { file, into, unauthenticated } => {
            restore::restore(&config, &file, &into, unauthenticated).await
        }
    }
}
