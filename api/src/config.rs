//! Configuration: each option is a flag and an environment variable.

mod credential_files;
mod document_limits;
mod existing;
mod identity;
mod messages;
mod paths;
mod secret;
mod server_limits;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{Args, Command, ValueEnum};
use daybook_service::{
    Clock, Database, Instance, Options, Settings,
    backups::{Cron, Schedule},
    jobs::Kinds,
    store::{Links, Store},
};
use http::Uri;

pub use credential_files::CredentialFiles;
pub use document_limits::DocumentLimits;
pub(crate) use existing::database_name;
pub use identity::Identity;
pub use messages::Messages;
pub(crate) use paths::tighten;
pub(crate) use secret::{new_secret, replace_secret};
pub use server_limits::ServerLimits;

/// Shortest lease of a job: it must be longer than the interval between two heartbeats.
const MIN_JOB_LEASE: Duration = Duration::from_secs(1);
/// Longest time for which anything is kept; dates beyond it can't be stored.
const MAX_RETENTION: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// Settings of one Daybook process.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Folder for the database, artifacts and secret, unless another setting names their location
    #[arg(long, env = "DAYBOOK_DATA_DIR", default_value = "daybook-data", global = true)]
    pub data_dir: PathBuf,
    /// Database: sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME [default: sqlite://DATA_DIR/daybook.db]
    #[arg(long, env = "DAYBOOK_DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// Direct URL of the same PostgreSQL database, if --database-url names a pooler in transaction mode [default: none]
    #[arg(long, env = "DAYBOOK_DATABASE_DIRECT_URL", hide_env_values = true, global = true)]
    pub database_direct_url: Option<String>,
    /// URL of a PostgreSQL replica that may answer reads [default: none]
    #[arg(long, env = "DAYBOOK_DATABASE_REPLICA_URL", hide_env_values = true, global = true)]
    pub database_replica_url: Option<String>,
    /// Address and port to listen on
    #[arg(long, env = "DAYBOOK_LISTEN", default_value = "127.0.0.1:8080", global = true)]
    pub listen: SocketAddr,
    /// URL at which users reach this instance; all links begin with it [default: http://LISTEN]
    #[arg(long, env = "DAYBOOK_PUBLIC_URL", hide_env_values = true, global = true)]
    pub public_url: Option<String>,
    /// Artifact store: file:PATH or s3://BUCKET/PREFIX [default: file:DATA_DIR/artifacts]
    #[arg(long, env = "DAYBOOK_ARTIFACTS_URL", hide_env_values = true, global = true)]
    pub artifacts_url: Option<String>,
    /// Kind of download links for artifacts in a bucket
    #[arg(
        long,
        env = "DAYBOOK_ARTIFACT_LINKS",
        value_enum,
        default_value = "daybook",
        global = true
    )]
    pub artifact_links: ArtifactLinks,
    /// Secret that signs tokens and links, at least 32 characters [default: generated once and kept in DATA_DIR/secret]
    #[arg(long, env = "DAYBOOK_SECRET", hide_env_values = true, global = true)]
    pub secret: Option<String>,
    /// Maximum number of entries in one export of an audit log; a continuation exports the rest
    #[arg(long, env = "DAYBOOK_EXPORT_MAX_RECORDS", default_value_t = 10_000, global = true)]
    pub export_max_records: u64,
    /// Maximum number of entries of an export that is finished before startExport returns
    #[arg(long, env = "DAYBOOK_EXPORT_INLINE_RECORDS", default_value_t = 1_000, global = true)]
    pub export_inline_records: u64,
    /// Exports that one organization may start per hour; 0 disables exports
    #[arg(long, env = "DAYBOOK_EXPORTS_PER_HOUR", default_value_t = 10, global = true)]
    pub exports_per_hour: u32,
    /// Time for which an artifact can be downloaded
    #[arg(
        long,
        env = "DAYBOOK_ARTIFACT_TTL",
        default_value = "24h",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub artifact_ttl: Duration,
    /// Backups that one organization, or the operators together, may start per hour
    #[arg(long, env = "DAYBOOK_BACKUPS_PER_HOUR", default_value_t = 10, global = true)]
    pub backups_per_hour: u32,
    /// Schedule for backups of the whole instance: a cron expression with five fields, e.g. "30 2 * * *" [default: none]
    #[arg(long, env = "DAYBOOK_BACKUP_SCHEDULE", global = true)]
    pub backup_schedule: Option<String>,
    /// Time zone of --backup-schedule, e.g. Europe/Berlin
    #[arg(long, env = "DAYBOOK_BACKUP_TIME_ZONE", default_value = "UTC", global = true)]
    pub backup_time_zone: String,
    /// Number of scheduled backups to keep
    #[arg(long, env = "DAYBOOK_BACKUP_KEEP", default_value_t = 7, global = true)]
    pub backup_keep: usize,
    /// Maximum age of a scheduled backup, e.g. 90d; the latest verified one is always kept [default: no limit]
    #[arg(
        long,
        env = "DAYBOOK_BACKUP_MAX_AGE",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub backup_max_age: Option<Duration>,
    /// Kinds of jobs that this process can run. Not an option.
    #[arg(skip = daybook_service::job_kinds::ALL)]
    pub job_kinds: Kinds,
    /// Number of jobs that this process runs at once
    #[arg(long, env = "DAYBOOK_JOB_CONCURRENCY", default_value_t = 4, global = true)]
    pub job_concurrency: usize,
    /// Time for which the transitions of jobs are kept
    #[arg(
        long,
        env = "DAYBOOK_JOB_HISTORY",
        default_value = "30d",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub job_history: Duration,
    /// Maximum number of open subscriptions per organization in this process
    #[arg(
        long,
        env = "DAYBOOK_ORGANIZATION_SUBSCRIPTIONS",
        default_value_t = 1_000,
        global = true
    )]
    pub organization_subscriptions: usize,
    /// Maximum number of operations that run at once on one WebSocket
    #[arg(long, env = "DAYBOOK_SOCKET_OPERATIONS", default_value_t = 100, global = true)]
    pub socket_operations: usize,
    /// Time without a heartbeat after which another worker takes over a job
    #[arg(
        long,
        env = "DAYBOOK_JOB_LEASE",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub job_lease: Duration,
    /// Files that hold credentials.
    #[command(flatten)]
    pub credential_files: CredentialFiles,
    /// The OpenID provider whose tokens are accepted.
    #[command(flatten)]
    pub identity: Identity,
    /// Notifications between processes.
    #[command(flatten)]
    pub messages: Messages,
    /// Limits and origins of the server.
    #[command(flatten)]
    pub server_limits: ServerLimits,
    /// Subject that the audit log names as the actor of a command; by default the operating
    /// system's user, with the name of the host
    #[arg(long = "as", env = "DAYBOOK_AS", value_name = "SUBJECT", global = true)]
    pub acts_as: Option<String>,
    /// Log level, or levels by module, e.g. info or daybook=debug
    #[arg(long, env = "DAYBOOK_LOG", default_value = "info", global = true)]
    pub log: String,
    /// Format of the log on standard error
    #[arg(long, env = "DAYBOOK_LOG_FORMAT", value_enum, default_value = "text", global = true)]
    pub log_format: LogFormat,
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

    /// Opens the database, brings its schema up to date and returns the instance.
    ///
    /// # Errors
    /// Fails if a setting is missing or unsafe; the text says what to change.
    pub async fn open(&self, clock: Clock) -> Result<Arc<Instance>> {
        let options = self.options()?;
        tighten(&self.paths().exposed());
        let db = self.database().await?;
        self.refuse_other_secret(&db).await?;
        daybook_migration::up(db.for_migration()).await.context("can't migrate the database")?;
        let secret = self.secret_for(&db).await?;
        let store = self.store()?;
        Ok(Instance::open(db, secret, store, options, clock).await?)
    }

    /// Connects to the database and, if one is configured, its replica.
    ///
    /// # Errors
    /// Fails if the database or the replica can't be reached or used.
    pub async fn database(&self) -> Result<Database> {
        // Nobody waits for a read that takes longer than the operation may.
        let read_timeout = self.server_limits.execution_timeout;
        let url = self.database_url();
        let db = match &self.database_direct_url {
            Some(direct) => {
                let tried = Database::try_postgres(direct).await;
                tried.context("DAYBOOK_DATABASE_DIRECT_URL can't be used")?;
                Database::connect_pooled(&url, direct, read_timeout).await
            }
            None => Database::connect_with(&url, read_timeout).await,
        };
        let db = db.context("DAYBOOK_DATABASE_URL can't be used")?;
        match &self.database_replica_url {
            Some(url) => {
                let db = db.with_replica(url, read_timeout);
                Ok(db.context("DAYBOOK_DATABASE_REPLICA_URL can't be used")?)
            }
            None => Ok(db),
        }
    }

    pub(crate) fn options(&self) -> Result<Options> {
        if self.export_max_records == 0 {
            bail!("DAYBOOK_EXPORT_MAX_RECORDS must be at least 1 (it is 0)");
        }
        if self.job_concurrency == 0 {
            bail!("DAYBOOK_JOB_CONCURRENCY must be at least 1 (it is 0)");
        }
        if self.job_lease < MIN_JOB_LEASE {
            let lease = humantime::format_duration(self.job_lease);
            bail!("DAYBOOK_JOB_LEASE must be at least 1s (it is {lease})");
        }
        for (name, time) in
            [("DAYBOOK_ARTIFACT_TTL", self.artifact_ttl), ("DAYBOOK_JOB_HISTORY", self.job_history)]
        {
            if time > MAX_RETENTION {
                let time = humantime::format_duration(time);
                bail!("{name} must be at most 100years (it is {time})");
            }
        }
        let settings = Settings {
            public_url: self.public_url()?,
            export_max_records: self.export_max_records,
            export_inline_records: self.export_inline_records,
            exports_per_hour: self.exports_per_hour,
            artifact_ttl: self.artifact_ttl,
            backups_per_hour: self.backups_per_hour,
            job_concurrency: self.job_concurrency,
            job_history: self.job_history,
            organization_subscriptions: self.organization_subscriptions,
            socket_operations: self.socket_operations,
            job_lease: self.job_lease,
            scratch: self.data_dir.clone(),
            migrations: daybook_migration::names(),
        };
        Ok(Options {
            settings,
            job_kinds: self.job_kinds,
            backup_schedule: self.backup_schedule()?,
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

    fn backup_schedule(&self) -> Result<Option<Schedule>> {
        let Some(expression) = &self.backup_schedule else { return Ok(None) };
        let cron = Cron::new(expression, &self.backup_time_zone).map_err(anyhow::Error::msg);
        let cron = cron.context("DAYBOOK_BACKUP_SCHEDULE is not valid")?;
        if self.backup_keep == 0 {
            bail!("DAYBOOK_BACKUP_KEEP must be at least 1 (it is 0)");
        }
        Ok(Some(Schedule { cron, keep: self.backup_keep, max_age: self.backup_max_age }))
    }

    /// Writes a probe to the bucket, so that a process that could not store anything fails at start.
    pub(crate) async fn try_store(&self) -> Result<()> {
        match &self.artifacts_url {
            Some(url) if url.starts_with("s3:") => {
                let tried =
                    async { self.store()?.try_bucket(url).await.map_err(anyhow::Error::new) };
                tried.await.context("DAYBOOK_ARTIFACTS_URL can't be used")
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn store(&self) -> Result<Store> {
        let Some(url) = &self.artifacts_url else {
            return Ok(Store::folder(&self.data_dir.join("artifacts"))?);
        };
        if url.starts_with("s3:") {
            return Ok(Store::bucket(url, self.artifact_links.into())?);
        }
        match paths::folder(url) {
            Some(folder) => Ok(Store::folder(&folder)?),
            None => bail!("DAYBOOK_ARTIFACTS_URL must begin with file: or s3: (it is {url})"),
        }
    }
}

/// Default values of options, whatever the command line and the environment say.
fn defaults<T: Args>() -> T {
    let command = T::augment_args(Command::new("daybook")).mut_args(|arg| arg.env(None));
    T::from_arg_matches(&command.get_matches_from(["daybook"])).expect("each option has a default")
}
