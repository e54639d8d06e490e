//! The commands and their options.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{access, api_key, backup, import, migrate, retention, secret};
use crate::config::Config;

/// A self-hosted, multi-tenant audit trail with live jobs
#[derive(Parser, Debug)]
#[command(name = "daybook", version, about)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) config: Config,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
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
pub(super) enum OrganizationCommand {
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

impl Command {
    /// Returns true if the command works on an existing instance.
    pub(super) fn needs_database(&self) -> bool {
        !matches!(self, Self::Serve { .. } | Self::Schema | Self::Restore { .. })
    }
}
