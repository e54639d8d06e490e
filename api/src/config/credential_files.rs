//! Credentials read from files. Environment variables show up in core dumps, in the output of
//! `docker inspect` and in every child process, and command-line options show up in `ps`.

use std::path::PathBuf;

use clap::Args;

use super::{defaults::defaults, heading};

/// Files, each of which holds the value of one setting.
#[derive(Args, Clone, Debug)]
pub struct CredentialFiles {
    /// File that holds the database URL; use it instead of --database-url [default: none]
    ///
    /// Set it if others can see the environment of the process, as in the output of `docker inspect`.
    #[arg(long, env = "DAYBOOK_DATABASE_URL_FILE", help_heading = heading::NODE, global = true)]
    pub database_url_file: Option<PathBuf>,
    /// File that holds the direct database URL; use it instead of --database-direct-url
    /// [default: none]
    ///
    /// Set it if others can see the environment of the process, as in the output of `docker inspect`.
    #[arg(long, env = "DAYBOOK_DATABASE_DIRECT_URL_FILE", help_heading = heading::CLUSTER, global = true)]
    pub database_direct_url_file: Option<PathBuf>,
    /// File that holds the replica's URL; use it instead of --database-replica-url
    /// [default: none]
    ///
    /// Set it if others can see the environment of the process, as in the output of `docker inspect`.
    #[arg(long, env = "DAYBOOK_DATABASE_REPLICA_URL_FILE", help_heading = heading::CLUSTER, global = true)]
    pub database_replica_url_file: Option<PathBuf>,
    /// File that holds the secret and, one per line, previous secrets; use it instead of --secret
    /// [default: none]
    ///
    /// Set it if others can see the environment of the process, or to rotate the secret step by step.
    #[arg(long, env = "DAYBOOK_SECRET_FILE", help_heading = heading::NODE, global = true)]
    pub secret_file: Option<PathBuf>,
    /// File that holds the URLs of the NATS servers; use it instead of --nats-url
    /// [default: none]
    ///
    /// Set it if others can see the environment of the process, as in the output of `docker inspect`.
    #[arg(long, env = "DAYBOOK_NATS_URL_FILE", help_heading = heading::CLUSTER, global = true)]
    pub nats_url_file: Option<PathBuf>,
}

impl Default for CredentialFiles {
    /// Returns the default of each option.
    fn default() -> Self {
        defaults()
    }
}
