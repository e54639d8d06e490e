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
    Clock, Database, Instance, Settings,
    artifacts::{Links, Store},
    backups::{Cron, Schedule},
    jobs::Kinds,
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

/// A lease must outlast the pause between two heartbeats, and then some.
const MIN_JOB_LEASE: Duration = Duration::from_secs(1);
/// Times that come out of what is longer can't be written any more.
const MAX_RETENTION: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// How one process of Daybook is set up.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Folder for everything that has no place of its own: database, artifacts, secret
    #[arg(long, env = "DAYBOOK_DATA_DIR", default_value = "daybook-data", global = true)]
    pub data_dir: PathBuf,
    /// sqlite://PATH or postgres://… [default: sqlite://DATA_DIR/daybook.db]
    #[arg(long, env = "DAYBOOK_DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// The same PostgreSQL past a pooler in transaction mode, where --database-url leads to one [default: none]
    #[arg(long, env = "DAYBOOK_DATABASE_DIRECT_URL", hide_env_values = true, global = true)]
    pub database_direct_url: Option<String>,
    /// postgres://… of a replica that may answer reads [default: none]
    #[arg(long, env = "DAYBOOK_DATABASE_REPLICA_URL", hide_env_values = true, global = true)]
    pub database_replica_url: Option<String>,
    /// Where to listen
    #[arg(long, env = "DAYBOOK_LISTEN", default_value = "127.0.0.1:8080", global = true)]
    pub listen: SocketAddr,
    /// Where users reach this instance; links begin with it [default: http://LISTEN]
    #[arg(long, env = "DAYBOOK_PUBLIC_URL", hide_env_values = true, global = true)]
    pub public_url: Option<String>,
    /// Where artifacts are kept: file:PATH or s3://BUCKET/PREFIX [default: file:DATA_DIR/artifacts]
    #[arg(long, env = "DAYBOOK_ARTIFACTS_URL", hide_env_values = true, global = true)]
    pub artifacts_url: Option<String>,
    /// Whose links lead to artifacts in a bucket
    #[arg(
        long,
        env = "DAYBOOK_ARTIFACT_LINKS",
        value_enum,
        default_value = "daybook",
        global = true
    )]
    pub artifact_links: ArtifactLinks,
    /// Signs tokens and links; at least 32 characters [default: made once and kept in DATA_DIR/secret]
    #[arg(long, env = "DAYBOOK_SECRET", hide_env_values = true, global = true)]
    pub secret: Option<String>,
    /// Most records of one export
    #[arg(long, env = "DAYBOOK_EXPORT_MAX_RECORDS", default_value_t = 10_000, global = true)]
    pub export_max_records: u64,
    /// Most records of an export that is finished when startExport returns
    #[arg(long, env = "DAYBOOK_EXPORT_INLINE_RECORDS", default_value_t = 1_000, global = true)]
    pub export_inline_records: u64,
    /// Exports that one organization may start in an hour; 0: none
    #[arg(long, env = "DAYBOOK_EXPORTS_PER_HOUR", default_value_t = 10, global = true)]
    pub exports_per_hour: u32,
    /// How long artifacts can be downloaded
    #[arg(
        long,
        env = "DAYBOOK_ARTIFACT_TTL",
        default_value = "24h",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub artifact_ttl: Duration,
    /// Backups that an organization, or the operators, may start in an hour
    #[arg(long, env = "DAYBOOK_BACKUPS_PER_HOUR", default_value_t = 10, global = true)]
    pub backups_per_hour: u32,
    /// When to back the whole instance up: a cron expression of five fields, e.g. "30 2 * * *"
    #[arg(long, env = "DAYBOOK_BACKUP_SCHEDULE", global = true)]
    pub backup_schedule: Option<String>,
    /// The time zone of that expression
    #[arg(long, env = "DAYBOOK_BACKUP_TIME_ZONE", default_value = "UTC", global = true)]
    pub backup_time_zone: String,
    /// Scheduled backups that are kept
    #[arg(long, env = "DAYBOOK_BACKUP_KEEP", default_value_t = 7, global = true)]
    pub backup_keep: usize,
    /// How long a scheduled backup is kept, however few there are [default: no limit]
    #[arg(
        long,
        env = "DAYBOOK_BACKUP_MAX_AGE",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub backup_max_age: Option<Duration>,
    /// The kinds of jobs that this process knows. Not an option.
    #[arg(skip = daybook_service::job_kinds::ALL)]
    pub job_kinds: Kinds,
    /// Jobs that this process works at once
    #[arg(long, env = "DAYBOOK_JOB_CONCURRENCY", default_value_t = 4, global = true)]
    pub job_concurrency: usize,
    /// How long transitions of jobs are kept
    #[arg(
        long,
        env = "DAYBOOK_JOB_HISTORY",
        default_value = "30d",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub job_history: Duration,
    /// Subscriptions that one organization may have in this process
    #[arg(
        long,
        env = "DAYBOOK_ORGANIZATION_SUBSCRIPTIONS",
        default_value_t = 1_000,
        global = true
    )]
    pub organization_subscriptions: usize,
    /// Operations that one WebSocket may have
    #[arg(long, env = "DAYBOOK_SOCKET_OPERATIONS", default_value_t = 100, global = true)]
    pub socket_operations: usize,
    /// How long a job's worker may be silent before another one takes the job over
    #[arg(
        long,
        env = "DAYBOOK_JOB_LEASE",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub job_lease: Duration,
    /// Settings that are in files.
    #[command(flatten)]
    pub credential_files: CredentialFiles,
    /// Whose tokens are believed.
    #[command(flatten)]
    pub identity: Identity,
    /// How processes tell each other to look.
    #[command(flatten)]
    pub messages: Messages,
    /// What the server lets in.
    #[command(flatten)]
    pub server_limits: ServerLimits,
    /// The subject in whose name a command acts, for the audit log; by default the system's user, such as
    /// os-user:ada@web-1
    #[arg(long = "as", env = "DAYBOOK_AS", value_name = "SUBJECT", global = true)]
    pub acts_as: Option<String>,
    /// What to log, e.g. info or daybook=debug
    #[arg(long, env = "DAYBOOK_LOG", default_value = "info", global = true)]
    pub log: String,
    /// How to log
    #[arg(long, env = "DAYBOOK_LOG_FORMAT", value_enum, default_value = "text", global = true)]
    pub log_format: LogFormat,
}

/// How to log.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Whose links lead to artifacts in a bucket.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub enum ArtifactLinks {
    /// Daybook's: each download is recorded.
    Daybook,
    /// The bucket's, presigned: downloads don't go through Daybook, and only the link is recorded.
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

    /// Opens the database, brings its schema up to date and puts the instance together.
    ///
    /// # Errors
    /// Whatever is missing or unsafe; the text says what to change.
    pub async fn open(&self, clock: Clock) -> Result<Arc<Instance>> {
        let settings = self.settings()?;
        tighten(&self.paths().exposed());
        let db = self.database().await?;
        self.refuse_other_secret(&db).await?;
        daybook_migration::up(db.for_migration()).await.context("can't migrate the database")?;
        let secret = self.secret_for(&db).await?;
        let store = self.store()?;
        Ok(Instance::open(db, secret, store, settings, clock).await?)
    }

    /// The database and, where one is named, its replica.
    ///
    /// # Errors
    /// A database that can't be reached or used.
    pub async fn database(&self) -> Result<Database> {
        // What a read takes longer than that, nobody waits for.
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

    pub(crate) fn settings(&self) -> Result<Settings> {
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
        Ok(Settings {
            job_kinds: self.job_kinds,
            public_url: self.public_url()?,
            export_max_records: self.export_max_records,
            export_inline_records: self.export_inline_records,
            exports_per_hour: self.exports_per_hour,
            artifact_ttl: self.artifact_ttl,
            backups_per_hour: self.backups_per_hour,
            backup_schedule: self.backup_schedule()?,
            job_concurrency: self.job_concurrency,
            job_history: self.job_history,
            organization_subscriptions: self.organization_subscriptions,
            socket_operations: self.socket_operations,
            job_lease: self.job_lease,
            oidc: self.identity.oidc()?,
            nats: self.messages.nats()?,
            scratch: self.data_dir.clone(),
            migrations: daybook_migration::names(),
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
        let cron = cron.context("DAYBOOK_BACKUP_SCHEDULE can't be used")?;
        if self.backup_keep == 0 {
            bail!("DAYBOOK_BACKUP_KEEP must be at least 1 (it is 0)");
        }
        Ok(Some(Schedule { cron, keep: self.backup_keep, max_age: self.backup_max_age }))
    }

    /// Tries a bucket, so that whoever could store nothing says so at the start.
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

/// Options as if nothing were said, neither on the command line nor in the environment.
fn defaults<T: Args>() -> T {
    let command = T::augment_args(Command::new("daybook")).mut_args(|arg| arg.env(None));
    T::from_arg_matches(&command.get_matches_from(["daybook"])).expect("each option has a default")
}
