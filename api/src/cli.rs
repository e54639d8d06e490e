//! The command line. Exit codes: 0 done, 1 failed, 2 wrong usage.

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
use daybook_service::{Clock, GlobalId, Instance, Permission, Scope, access::enter, organizations};
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
    /// Serve the API and run jobs; creates or migrates the database first
    Serve {
        /// Fill an empty instance with demonstration data: an organization `acme`, 3,000 entries and some notes
        #[arg(long)]
        demo: bool,
        /// Don't run jobs; leave them to `daybook worker`
        #[arg(long)]
        no_jobs: bool,
    },
    /// Run jobs only; the database must exist and be up to date
    Worker,
    /// Bring the database's schema up to date, or show its state
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
    /// Create, revoke or list API keys, the credentials of programs
    #[command(subcommand)]
    ApiKey(api_key::ApiKey),
    /// Remove or list operators, who run the instance
    #[command(subcommand)]
    Operator(access::Operator),
    /// Import audit entries or notes from files
    #[command(subcommand)]
    Import(import::Import),
    /// Set or show how long an organization's audit log is kept
    #[command(subcommand)]
    Retention(retention::Retention),
    /// Keep an organization's audit log from being removed, whatever its age
    #[command(subcommand)]
    Hold(retention::Hold),
    /// Replace the secret that signs tokens and links
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Check the configuration and everything the instance depends on, and say what to do
    Doctor {
        /// Print one JSON object instead of lines
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
        /// The target, an empty database: sqlite://PATH or postgres://…; either engine takes every backup
        #[arg(long)]
        into: String,
        /// Restore without the secret of the instance that made the backup; who made the file is not checked then
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
        /// Create or migrate the database first, as `daybook serve` does
        #[arg(long)]
        init: bool,
    },
}

/// Runs what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    // Whatever this process makes is for its owner alone, whoever makes it: SQLite, the object store.
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
            complain(&reason(&error));
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

impl Command {
    /// Reports whether the command works on the instance that is there already.
    fn needs_database(&self) -> bool {
        !matches!(self, Self::Serve { .. } | Self::Schema | Self::Restore { .. })
    }
}

/// Runs a command. One that fails says, too, which database it looked at.
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
            let organization = organizations::create(&instance, &viewer, &slug, &name).await?;
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

/// Opens the instance that is there already.
async fn open(config: &Config) -> Result<Arc<Instance>> {
    config.open_existing(Clock::default()).await
}

/// Closes the instance, and says on standard error which one it was.
async fn close(config: &Config, instance: &Instance) -> Result<()> {
    instance.stop().await?;
    name_database(&config.database_name());
    Ok(())
}

/// Names the database that a command works on, once.
fn name_database(name: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| inform(&format!("the database is {name}")));
}

async fn organization(
    config: &Config,
    instance: &Instance,
    slug: &str,
) -> Result<organization::Model> {
    let found = organizations::find_by_slug(instance, slug).await?;
    found.with_context(|| {
        format!(
            "there is no organization {slug} in {}; `daybook organization create` makes one",
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
    Ok(enter(instance, &viewer, organization.id, permission, &[]).await?)
}
