//! The command line. Exit codes: 0 done, 1 failed, 2 wrong usage.

mod access;
mod api_key;
mod backup;
mod doctor;
mod import;
mod log;
mod migrate;
mod restore;
mod retention;
mod secret;
mod serve;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use daybook_entity::organization;
use daybook_service::{Clock, GlobalId, Instance, Permission, Scope, Viewer, organizations};
use nix::sys::stat::{Mode, umask};

use crate::{config::Config, graphql, traces::Traces};

/// The subject under which the command line acts.
const SUBJECT: &str = "daybook-cli";

/// A self-hosted, multi-tenant audit trail with live jobs
#[derive(Parser, Debug)]
#[command(name = "daybook", version, about)]
struct Cli {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Migrate, serve the API and work jobs
    Serve {
        /// Fill an empty instance with an organization `acme`, a few thousand entries and some notes
        #[arg(long)]
        demo: bool,
        /// Leave jobs to `daybook worker`
        #[arg(long)]
        no_jobs: bool,
    },
    /// Work jobs only
    Worker,
    /// Bring the database's schema up to date, or tell whether it is
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Print the GraphQL schema
    Schema,
    /// Create organizations
    #[command(subcommand)]
    Organization(OrganizationCommand),
    /// Print a bearer token
    Token(access::TokenOptions),
    /// Say who may do what in an organization
    #[command(subcommand)]
    Member(access::Member),
    /// Make and revoke credentials of programs
    #[command(subcommand)]
    ApiKey(api_key::ApiKey),
    /// Say who runs the instance
    #[command(subcommand)]
    Operator(access::Operator),
    /// Take in what was recorded elsewhere
    #[command(subcommand)]
    Import(import::Import),
    /// Say how long an organization's log is kept
    #[command(subcommand)]
    Retention(retention::Retention),
    /// Keep an organization's log from being removed
    #[command(subcommand)]
    Hold(retention::Hold),
    /// Replace the secret that signs tokens and links
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Look at the configuration and all that an instance stands on, and say what to do
    Doctor {
        /// Print an object in place of lines
        #[arg(long)]
        json: bool,
    },
    /// List backups, or download one to this machine
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Restore a backup into an empty database, checked against its manifest
    Restore {
        /// The backup: .sql, .sql.zst or .sql.gz
        file: PathBuf,
        /// sqlite://PATH or postgres://…; need not be of the engine that the backup was made on
        #[arg(long)]
        into: String,
        /// Restore without the secret that the backup was made with: nobody can say then who made it
        #[arg(long)]
        unauthenticated: bool,
    },
}

#[derive(Subcommand, Debug)]
enum OrganizationCommand {
    /// Create an organization and print its ID
    Create {
        /// 1 to 63 characters of a-z, 0-9 and inner hyphens
        slug: String,
        /// Display name
        #[arg(long)]
        name: String,
    },
}

/// Runs what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    // Whatever this process makes is for its owner alone, whoever makes it: SQLite, the object store.
    umask(Mode::from_bits_truncate(0o077));
    let mut cli = Cli::parse();
    if let Err(error) = cli.config.read_credential_files() {
        complain(&format!("{error:#}"));
        return ExitCode::FAILURE;
    }
    let traces = match Traces::from_environment() {
        Ok(traces) => traces,
        Err(error) => {
            complain(&format!("{error:#}"));
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = log::start(&cli.config, traces.as_ref()) {
        complain(&format!("{error:#}"));
        return ExitCode::FAILURE;
    }
    use_small_pages();
    // The one crypto provider of the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("can't start the runtime").and_then(|runtime| {
        let outcome = runtime.block_on(run(cli));
        // What had its time to end and has not is cut off, whatever thread it keeps.
        runtime.shutdown_background();
        outcome
    });
    if let Some(traces) = traces {
        traces.stop();
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read what was printed has seen enough.
        Err(error) if error.downcast_ref().is_some_and(is_closed) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Each thread's heap would begin with a page of 2 MiB where the allocator asks Linux for large ones:
/// half of the memory of a process that does little at a time, for nothing that is measurable.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "large pages stay on");
    }
}

fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Prints a line of what a command was asked for.
fn say(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

#[allow(clippy::print_stderr, reason = "why a command failed is for whoever ran it")]
fn complain(message: &str) {
    eprintln!("daybook: {message}");
}

async fn run(Cli { config, command }: Cli) -> Result<()> {
    match command {
        Command::Serve { demo, no_jobs } => serve::serve(config, demo, no_jobs).await,
        Command::Worker => serve::worker(config).await,
        Command::Migrate(command) => migrate::migrate(&config, command).await,
        Command::Schema => say(graphql::sdl().trim_end()),
        Command::Organization(OrganizationCommand::Create { slug, name }) => {
            let instance = open(&config).await?;
            let viewer = Viewer::command_line(SUBJECT);
            let organization = organizations::create(&instance, &viewer, &slug, &name).await?;
            say(&GlobalId::Organization(organization.id).to_string())?;
            close(&instance).await
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

async fn open(config: &Config) -> Result<Arc<Instance>> {
    config.open(Clock::default()).await
}

async fn close(instance: &Instance) -> Result<()> {
    Ok(instance.stop().await?)
}

async fn organization(instance: &Instance, slug: &str) -> Result<organization::Model> {
    let found = organizations::find_by_slug(instance, slug).await?;
    found.with_context(|| {
        format!("there is no organization {slug}; `daybook organization create` makes one")
    })
}

async fn scope(instance: &Arc<Instance>, slug: &str, permission: Permission) -> Result<Scope> {
    let organization = organization(instance, slug).await?;
    let viewer = Viewer::command_line(SUBJECT);
    let scope =
        daybook_service::access::enter(instance, &viewer, organization.id, permission, &[]).await;
    Ok(scope?)
}
