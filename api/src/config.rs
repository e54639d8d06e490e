//! Configuration: each option is a flag and an environment variable.

mod backups;
mod credential_files;
mod credentials;
mod defaults;
mod document_limits;
mod existing;
mod fixed_limits;
pub(crate) mod heading;
mod identity;
mod messages;
mod opening;
mod paths;
mod rules;
mod secret;
mod server_limits;
mod testing;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use daybook_service::{Options, Settings, jobs::Kinds, store::Links};
use http::Uri;

pub use backups::Backups;
pub use credential_files::CredentialFiles;
pub use document_limits::DocumentLimits;
pub(crate) use existing::database_name;
pub use fixed_limits::FixedLimits;
pub use identity::Identity;
pub use messages::Messages;
pub(crate) use paths::tighten;
pub(crate) use secret::{new_secret, replace_secret};
pub use server_limits::ServerLimits;
pub use testing::Testing;

use defaults::defaults;
use rules::at_most_a_century;

/// Settings of one Daybook process.
///
/// The first paragraph of an option's text is its meaning and default, the second one says when to change it. Both are
/// in `--help` and in `api/docs/settings.md`. What nobody has a reason to change is a constant, not an option.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = heading::NODE)]
pub struct Config {
    /// Folder for the database, artifacts and secret, unless another setting names their location
    ///
    /// Set it to an absolute path for a server, which otherwise depends on the folder that it is started in.
    #[arg(long, env = "DAYBOOK_DATA_DIR", default_value = "daybook-data", global = true)]
    pub data_dir: PathBuf,
    /// Database: sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME [default: sqlite://DATA_DIR/daybook.db]
    ///
    /// Set it to use PostgreSQL, which several processes, or a log beyond some million entries a day, need.
    #[arg(long, env = "DAYBOOK_DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// Address and port to listen on
    ///
    /// Set it if a proxy or clients on other machines connect, e.g. to 0.0.0.0:8080.
    #[arg(long, env = "DAYBOOK_LISTEN", default_value = "127.0.0.1:8080", global = true)]
    pub listen: SocketAddr,
    /// URL at which users reach this instance; all links begin with it [default: http://LISTEN]
    ///
    /// Set it whenever users don't open the listen address itself, as behind TLS or a proxy.
    #[arg(long, env = "DAYBOOK_PUBLIC_URL", hide_env_values = true, global = true)]
    pub public_url: Option<String>,
    /// Secret that signs tokens and links, at least 32 characters [default: generated once and kept in DATA_DIR/secret]
    ///
    /// Set it if several nodes share a database, or if the data folder does not last.
    #[arg(long, env = "DAYBOOK_SECRET", hide_env_values = true, global = true)]
    pub secret: Option<String>,
    /// Log level, or levels by module, e.g. info or daybook=debug
    ///
    /// Change it to look for the cause of a problem, or to log less.
    #[arg(long, env = "DAYBOOK_LOG", default_value = "info", global = true)]
    pub log: String,
    /// Format of the log on standard error
    ///
    /// Set it to json if a program collects the log.
    #[arg(long, env = "DAYBOOK_LOG_FORMAT", value_enum, default_value = "text", global = true)]
    pub log_format: LogFormat,
    /// Direct URL of the same PostgreSQL database, if --database-url names a pooler in transaction mode [default: none]
    ///
    /// Set it if PgBouncer is between Daybook and PostgreSQL.
    #[arg(
        long,
        env = "DAYBOOK_DATABASE_DIRECT_URL",
        hide_env_values = true,
        help_heading = heading::CLUSTER,
        global = true
    )]
    pub database_direct_url: Option<String>,
    /// URL of a PostgreSQL replica that may answer reads [default: none]
    ///
    /// Set it if readers of the log take too much of the primary.
    #[arg(
        long,
        env = "DAYBOOK_DATABASE_REPLICA_URL",
        hide_env_values = true,
        help_heading = heading::CLUSTER,
        global = true
    )]
    pub database_replica_url: Option<String>,
    /// Artifact store: file:PATH or s3://BUCKET/PREFIX [default: file:DATA_DIR/artifacts]
    ///
    /// Set it to a bucket if there are several nodes, which must share their files; or to keep backups elsewhere than
    /// the database.
    #[arg(
        long,
        env = "DAYBOOK_ARTIFACTS_URL",
        hide_env_values = true,
        help_heading = heading::CLUSTER,
        global = true
    )]
    pub artifacts_url: Option<String>,
    /// Kind of download links for artifacts in a bucket
    ///
    /// Set it to presigned if downloads are too much traffic for the nodes, and need not be in the log.
    #[arg(
        long,
        env = "DAYBOOK_ARTIFACT_LINKS",
        value_enum,
        default_value = "daybook",
        help_heading = heading::CLUSTER,
        global = true
    )]
    pub artifact_links: ArtifactLinks,
    /// Notifications between processes.
    #[command(flatten)]
    pub messages: Messages,
    /// Files that hold credentials.
    #[command(flatten)]
    pub credential_files: CredentialFiles,
    /// Kinds of jobs that this process can run. Not an option.
    #[arg(skip = daybook_service::job_kinds::ALL)]
    pub job_kinds: Kinds,
    /// Number of jobs that this process runs at once
    ///
    /// Raise it if jobs wait while processors and database are idle; each job needs about 12 MiB.
    #[arg(
        long,
        env = "DAYBOOK_JOB_CONCURRENCY",
        default_value_t = 4,
        help_heading = heading::CLUSTER,
        global = true
    )]
    pub job_concurrency: usize,
    /// Maximum number of entries in one export of an audit log; a continuation exports the rest
    ///
    /// Raise it if users need larger files in one piece.
    #[arg(
        long,
        env = "DAYBOOK_EXPORT_MAX_RECORDS",
        default_value_t = 10_000,
        help_heading = heading::EXPORTS_AND_BACKUPS,
        global = true
    )]
    pub export_max_records: u64,
    /// Exports that one organization may start per hour; 0 disables exports
    ///
    /// Raise it for organizations with many auditors or exports by programs; lower it if exports burden the database.
    #[arg(
        long,
        env = "DAYBOOK_EXPORTS_PER_HOUR",
        default_value_t = 10,
        help_heading = heading::EXPORTS_AND_BACKUPS,
        global = true
    )]
    pub exports_per_hour: u32,
    /// Time for which an artifact can be downloaded
    ///
    /// Raise it if a day is too short to fetch files; lower it if exported data must not stay for so long.
    #[arg(
        long,
        env = "DAYBOOK_ARTIFACT_TTL",
        default_value = "24h",
        value_parser = humantime::parse_duration,
        help_heading = heading::EXPORTS_AND_BACKUPS,
        global = true
    )]
    pub artifact_ttl: Duration,
    /// Number, schedule and retention of backups.
    #[command(flatten)]
    pub backups: Backups,
    /// The OpenID provider whose tokens are accepted.
    #[command(flatten)]
    pub identity: Identity,
    /// Limits and origins of the server.
    #[command(flatten)]
    pub server_limits: ServerLimits,
    /// Maximum number of open subscriptions per organization in this process
    ///
    /// Raise it if more users or programs of one organization watch at the same time.
    #[arg(
        long,
        env = "DAYBOOK_ORGANIZATION_SUBSCRIPTIONS",
        default_value_t = 1_000,
        help_heading = heading::LIMITS,
        global = true
    )]
    pub organization_subscriptions: usize,
    /// Subject that the audit log names as the actor of a command
    /// [default: the operating system's user, with the name of the host]
    ///
    /// Set it if several people use one account of the machine, or a program runs the command for somebody.
    #[arg(
        long = "as",
        env = "DAYBOOK_AS",
        value_name = "SUBJECT",
        help_heading = heading::COMMANDS,
        global = true
    )]
    pub acts_as: Option<String>,
    /// Settings for tests.
    #[command(flatten)]
    pub testing: Testing,
}

impl Default for Config {
    /// Returns the default of each option.
    fn default() -> Self {
        defaults()
    }
}

/// Format of the log on standard error.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people to read.
    Text,
    /// One JSON object per line.
    Json,
}

/// Kind of download links for artifacts in a bucket.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub enum ArtifactLinks {
    /// Links to Daybook, which records each download.
    Daybook,
    /// Presigned links to the bucket: downloads bypass Daybook, and only the creation of a link is recorded.
    Presigned,
}

impl From<ArtifactLinks> for Links {
    fn from(links: ArtifactLinks) -> Self {
        match links {
            ArtifactLinks::Daybook => Self::Daybook,
            ArtifactLinks::Presigned => Self::Presigned,
        }
    }
}

impl Config {
    /// The database's URL.
    #[must_use]
    pub fn database_url(&self) -> String {
        let default = || format!("sqlite://{}", self.data_dir.join("daybook.db").display());
        self.database_url.clone().unwrap_or_else(default)
    }

    pub(crate) fn options(&self) -> Result<Options> {
        if self.export_max_records == 0 {
            bail!("DAYBOOK_EXPORT_MAX_RECORDS must be at least 1 (it is 0)");
        }
        if self.job_concurrency == 0 {
            bail!("DAYBOOK_JOB_CONCURRENCY must be at least 1 (it is 0)");
        }
        at_most_a_century("DAYBOOK_ARTIFACT_TTL", self.artifact_ttl)?;
        if self.artifact_links == ArtifactLinks::Presigned && !self.is_in_bucket() {
            bail!(
                "DAYBOOK_ARTIFACT_LINKS has no effect without a bucket: set DAYBOOK_ARTIFACTS_URL to \
                 s3://BUCKET/PREFIX, or unset DAYBOOK_ARTIFACT_LINKS"
            );
        }
        self.testing.check()?;
        let settings = Settings {
            public_url: self.public_url()?,
            export_max_records: self.export_max_records,
            export_inline_records: self.testing.export_inline_records,
            exports_per_hour: self.exports_per_hour,
            artifact_ttl: self.artifact_ttl,
            backups_per_hour: self.backups.backups_per_hour,
            job_concurrency: self.job_concurrency,
            organization_subscriptions: self.organization_subscriptions,
            job_lease: self.testing.job_lease,
            scratch: self.data_dir.clone(),
            migrations: daybook_migration::names(),
        };
        Ok(Options {
            settings,
            job_kinds: self.job_kinds,
            backup_schedule: self.backups.schedule()?,
            oidc: self.identity.oidc()?,
            nats: self.messages.nats()?,
        })
    }

    fn public_url(&self) -> Result<String> {
        let Some(url) = &self.public_url else { return Ok(format!("http://{}", self.listen)) };
        let scheme = url.parse::<Uri>().ok().and_then(|uri| uri.scheme_str().map(str::to_owned));
        match scheme.as_deref() {
            Some("http" | "https") => Ok(url.trim_end_matches('/').to_owned()),
            Some(_) | None => {
                bail!("DAYBOOK_PUBLIC_URL must begin with http:// or https:// (it is {url})")
            }
        }
    }

    /// Returns true if artifacts are in a bucket.
    fn is_in_bucket(&self) -> bool {
        self.artifacts_url.as_ref().is_some_and(|url| url.starts_with("s3:"))
    }
}
