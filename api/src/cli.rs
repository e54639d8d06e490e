//! The command line. Exit codes: 0 done, 1 failed, 2 wrong usage.
#![allow(clippy::print_stdout, reason = "what a command was asked for goes to standard output")]

mod access;
mod api_key;
mod doctor;
mod import;
mod restore;
mod retention;
mod serve;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use daybook_entity::{membership, organization};
use daybook_service::{Clock, GlobalId, Instance, Permission, Scope, Viewer, organizations};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{
    config::{Config, LogFormat},
    graphql,
    traces::Traces,
};

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
    Migrate(Migrate),
    /// Print the GraphQL schema
    Schema,
    /// Create organizations
    #[command(subcommand)]
    Organization(OrganizationCommand),
    /// Print a bearer token
    Token(TokenOptions),
    /// Say who may do what in an organization
    #[command(subcommand)]
    Member(Member),
    /// Make and revoke credentials of programs
    #[command(subcommand)]
    ApiKey(api_key::ApiKey),
    /// Say who runs the instance
    #[command(subcommand)]
    Operator(Operator),
    /// Take in what was recorded elsewhere
    #[command(subcommand)]
    Import(import::Import),
    /// Say how long an organization's log is kept
    #[command(subcommand)]
    Retention(retention::Retention),
    /// Keep an organization's log from being removed
    #[command(subcommand)]
    Hold(retention::Hold),
    /// Look at the configuration and all that an instance stands on, and say what to do
    Doctor {
        /// Print an object in place of lines
        #[arg(long)]
        json: bool,
    },
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
enum Migrate {
    /// Apply what is missing
    Up,
    /// Tell what is applied and what is missing
    Status,
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

#[derive(clap::Args, Debug)]
struct TokenOptions {
    /// Slug of the organization
    #[arg(long, required_unless_present = "operator", requires = "role")]
    organization: Option<String>,
    /// What the subject may do there; it keeps the role that it has
    #[arg(
        long,
        value_enum,
        required_unless_present = "operator",
        requires = "organization",
        ignore_case = true
    )]
    role: Option<Role>,
    /// Who the token names [default: the role's name, or operator]
    #[arg(long)]
    subject: Option<String>,
    /// The subject's e-mail address
    #[arg(long)]
    email: Option<String>,
    /// How long the token holds
    #[arg(long, default_value = "12h", value_parser = humantime::parse_duration)]
    ttl: Duration,
    /// Make the subject an operator of the instance
    #[arg(long)]
    operator: bool,
}

#[derive(Subcommand, Debug)]
enum Member {
    /// Give a subject a role, or another role
    Set {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// What the subject may do
        #[arg(long, value_enum, ignore_case = true)]
        role: Role,
        /// The subject's e-mail address
        #[arg(long)]
        email: Option<String>,
        /// Who
        subject: String,
    },
    /// Take a subject's role away, at once
    Remove {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// Who
        subject: String,
    },
    /// Print subject, role and e-mail address of each member
    List {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
    },
}

#[derive(Subcommand, Debug)]
enum Operator {
    /// End a subject's being an operator, at once
    Remove {
        /// Who
        subject: String,
    },
    /// Print subject and e-mail address of each operator
    List,
}

/// A role on the command line.
#[derive(Copy, Clone, Debug, ValueEnum)]
enum Role {
    /// Everything in the organization
    Admin,
    /// Reads and exports the audit log
    Auditor,
    /// Only records audit entries
    Writer,
    /// Workspaces and notes
    Member,
}

impl From<Role> for membership::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Auditor => Self::Auditor,
            Role::Writer => Self::Writer,
            Role::Member => Self::Member,
        }
    }
}

/// Runs what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let traces = match Traces::from_environment() {
        Ok(traces) => traces,
        Err(error) => {
            complain(&format!("{error:#}"));
            return ExitCode::FAILURE;
        }
    };
    start_log(&cli.config, traces.as_ref());
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

#[allow(clippy::print_stderr, reason = "why a command failed is for whoever ran it")]
fn complain(message: &str) {
    eprintln!("daybook: {message}");
}

fn start_log(config: &Config, traces: Option<&Traces>) {
    // sqlx tells each statement at INFO, and what async-nats tells is told by who uses it.
    let filter = format!("{},sqlx=warn,sea_orm_migration=warn,async_nats=off", config.log);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    match traces {
        None => tracing_subscriber::registry().with(filter).with(lines(config)).init(),
        // What is logged says nothing of what is traced.
        Some(traces) => tracing_subscriber::registry()
            .with(lines(config).with_filter(filter))
            .with(traces.layer())
            .init(),
    }
}

/// What is logged, as the lines of standard error.
fn lines<S>(config: &Config) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => log.boxed(),
        LogFormat::Json => log.json().boxed(),
    }
}

async fn run(Cli { config, command }: Cli) -> Result<()> {
    match command {
        Command::Serve { demo, no_jobs } => serve::serve(config, demo, no_jobs).await,
        Command::Worker => serve::worker(config).await,
        Command::Migrate(command) => migrate(&config, command).await,
        Command::Schema => {
            print!("{}", graphql::sdl());
            Ok(())
        }
        Command::Organization(OrganizationCommand::Create { slug, name }) => {
            let instance = open(&config).await?;
            let viewer = Viewer::command_line(SUBJECT);
            let organization = organizations::create(&instance, &viewer, &slug, &name).await?;
            println!("{}", GlobalId::Organization(organization.id));
            close(&instance).await
        }
        Command::Token(options) => access::token(&config, options).await,
        Command::Member(command) => access::member(&config, command).await,
        Command::ApiKey(command) => api_key::api_key(&config, command).await,
        Command::Operator(command) => access::operator(&config, command).await,
        Command::Import(command) => import::import(&config, command).await,
        Command::Retention(command) => retention::retention(&config, command).await,
        Command::Hold(command) => retention::hold(&config, command).await,
        Command::Doctor { json } => doctor::doctor(&config, json).await,
        Command::Restore { file, into, unauthenticated } => {
            restore::restore(&config, &file, &into, unauthenticated).await
        }
    }
}

async fn migrate(config: &Config, command: Migrate) -> Result<()> {
    let db = config.database().await?;
    if let Migrate::Up = command {
        daybook_migration::up(db.for_migration()).await.context("can't migrate the database")?;
    }
    for step in daybook_migration::status(db.for_migration()).await? {
        println!("{} {}", if step.is_applied { "applied" } else { "missing" }, step.name);
    }
    Ok(db.close().await?)
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
