//! The command line. Exit codes: 0 for success, 1 for failure, 2 for wrong usage.

mod access;
mod api_key;
mod backup;
mod caller;
mod doctor;
mod import;
mod log;
mod migrate;
mod report;
mod restore;
mod retention;
mod secret;
mod serve;
mod usage;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Once},
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use daybook_entity::organization;
use daybook_service::{Clock, GlobalId, Instance, Permission, Scope, organizations, tenancy};
use nix::sys::stat::{Mode, umask};

use crate::{config::Config, graphql, traces::Traces};
use report::{complain, reason};
pub(crate) use report::{inform, is_for_programs};

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
    /// Serve the API and dashboard and run jobs; creates or migrates the database first
    Serve {
        /// Fill an empty instance with sample data: an organization `acme` with 3,000 audit entries and some notes
        #[arg(long)]
        demo: bool,
        /// Serve without running jobs; `daybook worker` runs them instead
        #[arg(long)]
        no_jobs: bool,
    },
    /// Run jobs without serving the API; the database must exist and be up to date
    Worker,
    /// Bring the database schema up to date, or show its state
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Print the GraphQL schema
    Schema,
    /// Create organizations
    #[command(subcommand)]
    Organization(OrganizationCommand),
    /// Print a bearer token for a member or an operator
    Token(access::TokenOptions),
    /// Add, change, remove or list the members of an organization
    #[command(subcommand)]
    Member(access::Member),
    /// Create, revoke or list API keys for programs
    #[command(subcommand)]
    ApiKey(api_key::ApiKey),
    /// Remove or list operators of the instance
    #[command(subcommand)]
    Operator(access::Operator),
    /// Import audit entries or notes from files
    #[command(subcommand)]
    Import(import::Import),
    /// Set or show how long an organization's audit log is kept
    #[command(subcommand)]
    Retention(retention::Retention),
    /// Place, release or list holds, which keep an organization's audit log regardless of its age
    #[command(subcommand)]
    Hold(retention::Hold),
    /// Replace the secret that signs tokens and links
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Check the configuration and all dependencies of the instance, and suggest fixes
    Doctor {
        /// Print one JSON object instead of one line per check
        #[arg(long)]
        json: bool,
    },
    /// List backups, or download one to this machine
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Restore a backup into an empty database, and check it against the backup's manifest
    Restore {
        /// Backup file: .sql, .sql.zst or .sql.gz
        file: PathBuf,
        /// Empty target database: sqlite://PATH or postgres://…; a backup of one engine also restores into the other
        #[arg(long)]
        into: String,
        /// Restore without the secret of the instance that made the backup; the file's origin is then not verified
        #[arg(long)]
        unauthenticated: bool,
    },
}

#[derive(Subcommand, Debug)]
enum OrganizationCommand {
    /// Create an organization and print its ID
    Create {
        /// Short name: 1 to 63 characters of a-z, 0-9 and inner hyphens
        slug: String,
        /// Display name of the organization
        #[arg(long)]
        name: String,
        /// Create or migrate the database first, as `daybook serve` does
        #[arg(long)]
        init: bool,
    },
}

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
    for complaint in usage::unknown_variables() {
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

/// Prints a line of a command's result on standard output.
fn say(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

impl Command {
    /// Returns true if the command works on an existing instance.
    fn needs_database(&self) -> bool {
        !matches!(self, Self::Serve { .. } | Self::Schema | Self::Restore { .. })
    }
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

/// Opens the existing instance.
async fn open(config: &Config) -> Result<Arc<Instance>> {
    config.open_existing(Clock::default()).await
}

/// Closes the instance, and names its database on standard error.
async fn close(config: &Config, instance: &Instance) -> Result<()> {
    instance.stop().await?;
    name_database(&config.database_name());
    Ok(())
}

/// Names the database that a command works on, once per process.
fn name_database(name: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| inform(&format!("using the database {name}")));
}

async fn organization(
    config: &Config,
    instance: &Instance,
    slug: &str,
) -> Result<organization::Model> {
    let found = organizations::find_by_slug(instance, slug).await?;
    found.with_context(|| {
        format!(
            "there is no organization {slug} in {}; `daybook organization create` creates one",
            config.database_name()
        )
    })
}

async fn scope(
    config: &Config,
    instance: &Arc<Instance>,
    slug: &str,
    permission: Permission,
) -> Result<Scope> {
    let organization = organization(config, instance, slug).await?;
    let viewer = caller::viewer(config)?;
    Ok(instance.enter(&viewer, organization.id, permission, &[]).await?)
}
