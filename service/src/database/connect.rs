//! Opens the database, and refuses one that would not keep its promises.

use std::{
    path::Path,
    str::FromStr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use sea_orm::{SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::{
    Connection, SqliteConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{
    Database, Engine, json_condition, pooled,
    reader::{self, Reader},
    replica::Replica,
    row_security::RowSecurity,
    slots::Slots,
    unreachable::try_once,
    value::{setting, value},
};
use crate::{Fault, Result, private};

/// Connections for keyed reads on SQLite. Requests are short, so a few connections serve many.
const SQLITE_READERS: u32 = 8;
/// Connections for notifications between processes: one to listen, one to notify.
const NOTIFICATION_CONNECTIONS: u32 = 2;
/// Connections on SQLite for look-ups of permissions.
const SQLITE_ACCESS: u32 = 2;
/// Connections for scans on either engine: reads whose cost grows with the log.
const SCAN_CONNECTIONS: u32 = 4;
/// Instructions of SQLite's virtual machine between checks if a scan must end.
const SCAN_CHECK_INSTRUCTIONS: i32 = 10_000;
/// Connections on PostgreSQL for transactions and for look-ups of permissions. Other reads can't
/// take them.
const POSTGRES_WRITERS: u32 = 10;
/// Connections for keyed reads on PostgreSQL.
const POSTGRES_READERS: u32 = 10;
/// Connections through a pooler for look-ups of permissions.
const POOLED_ACCESS: u32 = 4;
/// Connections for requests on PostgreSQL.
const POSTGRES: u32 = POSTGRES_WRITERS + POSTGRES_READERS + SCAN_CONNECTIONS;
/// Longest time that SQLite waits for another process that writes.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time that a request waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time to wait for a connection to a replica, in whose place the primary can answer.
const REPLICA_ACQUIRE: Duration = Duration::from_secs(1);
/// Default of the longest time that a read of a request may take.
const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Idle time after which a connection is tested before it is lent.
const TRUSTED_IDLE_TIME: Duration = Duration::from_secs(1);
/// First version of SQLite without the corruption at a WAL reset.
const MIN_SQLITE_VERSION: (u32, u32, u32) = (3, 51, 3);
/// Oldest supported version of PostgreSQL, as `server_version_num`.
const POSTGRES_LEAST: u32 = 140_000;

impl Database {
    /// Connections for long reads of jobs.
    pub const BULK_CONNECTIONS: u32 = 4;
    /// Most connections that one process opens to the primary PostgreSQL.
    pub const MAX_CONNECTIONS: u32 = POSTGRES + Self::BULK_CONNECTIONS + NOTIFICATION_CONNECTIONS;

    /// Opens the database at `url` (`sqlite://PATH` or `postgres://…`) and checks that its commits
    /// are durable.
    ///
    /// # Errors
    /// The URL has another scheme, the database can't be reached, or its version or settings are
    /// not safe. The text says what to change.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::connect_with(url, DEFAULT_READ_TIMEOUT).await
    }

    /// Works like [`Self::connect`], but the database ends a read of a request that takes longer
    /// than `read_timeout`.
    ///
    /// # Errors
    /// The errors of [`Self::connect`].
    pub async fn connect_with(url: &str, read_timeout: Duration) -> Result<Self> {
        let database = if url.starts_with("sqlite:") {
            Self::sqlite(url, read_timeout).await?
        } else if is_postgres(url) {
            Self::postgres(url, Reach::Direct, read_timeout).await?
        } else {
            let message = "the database URL begins with neither sqlite: nor postgres:";
            return Err(Fault::misconfigured(message).into());
        };
        database.check().await?;
        database.detect_row_security().await?;
        Ok(database)
    }

    /// Opens a PostgreSQL at two URLs. At `url`, a pooler such as PgBouncer lends a connection for
    /// each transaction. `direct` leads past the pooler, for all that needs a session:
    /// notifications, migrations and long reads of jobs.
    ///
    /// # Errors
    /// The errors of [`Self::connect`].
    pub async fn connect_pooled(url: &str, direct: &str, read_timeout: Duration) -> Result<Self> {
        if [url, direct].iter().any(|url| !is_postgres(url)) {
            let message = "only PostgreSQL has poolers: both URLs must begin with postgres:";
            return Err(Fault::misconfigured(message).into());
        }
        let database = Self::postgres(url, Reach::Pooled { direct }, read_timeout).await?;
        database.check().await?;
        database.detect_row_security().await?;
        database.warn_of_idle_transactions().await?;
        Ok(database)
    }

    /// Connects to a PostgreSQL at `url` once.
    ///
    /// # Errors
    /// The URL can't be parsed, or the server can't be used. The text says why.
    pub async fn try_postgres(url: &str) -> Result<()> {
        try_once(&postgres_options(url, &[])?).await
    }

    /// Sends reads to the replica at `url` whenever it can answer as the primary would. The replica
    /// need not be reachable yet.
    ///
    /// # Errors
    /// The URL can't be parsed, or the database is SQLite, which has no replicas.
    pub fn with_replica(mut self, url: &str, read_timeout: Duration) -> Result<Self> {
        if self.engine != Engine::Postgres {
            let message = "only PostgreSQL has replicas, and the database is SQLite";
            return Err(Fault::misconfigured(message).into());
        }
        let timeout = milliseconds(read_timeout);
        let options = [("default_transaction_read_only", "on"), ("statement_timeout", &timeout)];
        let options = postgres_options(url, &options)?;
        let pool = postgres_pool(POSTGRES, &self.row_security).acquire_timeout(REPLICA_ACQUIRE);
        let pool = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.connect_lazy_with(options));
        self.replica = Some(Replica::new(pool));
        Ok(self)
    }

    async fn sqlite(url: &str, read_timeout: Duration) -> Result<Self> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|error| Fault::misconfigured_since(error, "the SQLite URL can't be read"))?;
        // Without a name, SQLite creates a temporary file.
        if Self::sqlite_file(url).is_none() {
            let message =
                "an audit trail without a file would be lost at the next stop: name a file";
            return Err(Fault::misconfigured(message).into());
        }
        make_private(options.get_filename())?;
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(SQLITE_BUSY_TIMEOUT)
            .collation(json_condition::COLLATION, json_condition::compare)
            .statement_cache_capacity(500);
        let pool = |size: u32| {
            SqlitePoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE_TIMEOUT)
        };
        // The writer comes first: it creates the file and turns WAL on.
        let writer = pool(1).connect_with(options.clone()).await.map_err(unreachable)?;
        // Half a MiB of cache for each connection instead of two: the system keeps the file's pages
        // in memory anyway, and a job reads every page once.
        let reading = options.create_if_missing(false).pragma("query_only", "ON");
        let reading = reading.pragma("cache_size", "-512");
        let reader = pool(SQLITE_READERS).connect_lazy_with(reading.clone());
        let access = pool(SQLITE_ACCESS).connect_lazy_with(reading.clone());
        let scans =
            ended_scans(pool(SCAN_CONNECTIONS), read_timeout).connect_lazy_with(reading.clone());
        let bulk = pool(Self::BULK_CONNECTIONS).connect_lazy_with(reading);
        let connector = SqlxSqliteConnector::from_sqlx_sqlite_pool;
        let transactions = TaskTracker::new();
        let reader = Reader {
            keyed: connector(reader),
            scans: Some(connector(scans)),
            slots: Slots::new(SQLITE_READERS, SCAN_CONNECTIONS),
            tasks: transactions.clone(),
        };
        Ok(Self {
            engine: Engine::Sqlite,
            writer: connector(writer),
            access: reader.lookups(connector(access)),
            reader,
            watcher_turns: watcher_turns(SQLITE_READERS),
            bulk: SqlxSqliteConnector::from_sqlx_sqlite_pool(bulk),
            notification_pool: None,
            replica: None,
            row_security: RowSecurity::default(),
            is_pooled: false,
            transactions,
        })
    }

    async fn postgres(url: &str, reach: Reach<'_>, read_timeout: Duration) -> Result<Self> {
        let row_security = RowSecurity::default();
        let pool = |size| postgres_pool(size, &row_security);
        let connector = SqlxPostgresConnector::from_sqlx_postgres_pool;
        let timeout = milliseconds(read_timeout);
        let (options, writer, access, keyed, scans) = match reach {
            Reach::Direct => {
                let options = postgres_options(url, &[])?;
                try_once(&options).await?;
                let writer = pool(POSTGRES_WRITERS).connect_with(options.clone()).await;
                let writer = connector(writer.map_err(unreachable)?);
                let reading = postgres_options(url, &[("statement_timeout", &timeout)])?;
                let keyed = pool(POSTGRES_READERS).connect_lazy_with(reading.clone());
                // Parallel workers would make one scan as heavy as three.
                let reading = reading.options([("max_parallel_workers_per_gather", "0")]);
                let scans = pool(SCAN_CONNECTIONS).connect_lazy_with(reading);
                (options, writer.clone(), writer, connector(keyed), connector(scans))
            }
            Reach::Pooled { direct } => {
                let pooled = pooled::options(url)?;
                try_once(&pooled).await?;
                // A session's settings would stay for other clients, so each transaction gets its
                // own.
                let writer = postgres_pool(POSTGRES_WRITERS, &RowSecurity::default());
                let writer = writer.connect_with(pooled.clone()).await.map_err(unreachable)?;
                let reader = |size| {
                    let pool = pooled::reader(size, &row_security, &timeout)
                        .acquire_timeout(ACQUIRE_TIMEOUT);
                    connector(pool.connect_lazy_with(pooled.clone()))
                };
                let pools =
                    (reader(POOLED_ACCESS), reader(POSTGRES_READERS), reader(SCAN_CONNECTIONS));
                (postgres_options(direct, &[])?, connector(writer), pools.0, pools.1, pools.2)
            }
        };
        let transactions = TaskTracker::new();
        let slots = Slots::new(POSTGRES_READERS, SCAN_CONNECTIONS);
        let reader = Reader { keyed, scans: Some(scans), slots, tasks: transactions.clone() };
        let bulk = pool(Self::BULK_CONNECTIONS).connect_lazy_with(options.clone());
        let notification_pool = pool(NOTIFICATION_CONNECTIONS).connect_lazy_with(options);
        Ok(Self {
            engine: Engine::Postgres,
            writer,
            access: reader.lookups(access),
            reader,
            watcher_turns: watcher_turns(POSTGRES_READERS),
            bulk: SqlxPostgresConnector::from_sqlx_postgres_pool(bulk),
            notification_pool: Some(notification_pool),
            replica: None,
            row_security,
            is_pooled: matches!(reach, Reach::Pooled { .. }),
            transactions,
        })
    }

    async fn detect_row_security(&self) -> Result<()> {
        match self.engine {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => self.row_security.detect(&self.bulk).await,
        }
    }

    /// Refuses versions and settings that could lose an acknowledged write.
    async fn check(&self) -> Result<()> {
        let unfit = match self.engine {
            Engine::Sqlite => self.check_sqlite().await?,
            Engine::Postgres => self.check_postgres().await?,
        };
        match unfit {
            Some(message) => Err(Fault::misconfigured(message).into()),
            None => Ok(()),
        }
    }

    async fn check_sqlite(&self) -> Result<Option<String>> {
        let db = &self.writer;
        let version = value(db, "SELECT sqlite_version() AS value").await?;
        let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
        let mut next = || parts.next().unwrap_or(0);
        if (next(), next(), next()) < MIN_SQLITE_VERSION {
            let message =
                "SQLite before 3.51.3 can corrupt its file at a WAL reset: link a newer one";
            return Ok(Some(format!("{message} (this is {version})")));
        }
        let journal = value(db, "SELECT journal_mode AS value FROM pragma_journal_mode").await?;
        if journal != "wal" {
            let message =
                "SQLite can't use write-ahead logging there: put the file on a local disk";
            return Ok(Some(format!("{message} (journal mode is {journal})")));
        }
        Ok(None)
    }

    async fn check_postgres(&self) -> Result<Option<String>> {
        // A direct connection, past the pooler if there is one.
        let db = &self.bulk;
        let version = setting(db, "server_version_num").await?;
        if version.parse().unwrap_or(0) < POSTGRES_LEAST {
            return Ok(Some(format!("PostgreSQL 14 or newer is needed (this is {version})")));
        }
        for name in ["fsync", "full_page_writes", "synchronous_commit"] {
            if setting(db, name).await? == "off" {
                let message = "PostgreSQL would lose acknowledged writes in a crash: set";
                return Ok(Some(format!("{message} {name} = on")));
            }
        }
        let encoding = setting(db, "server_encoding").await?;
        if encoding != "UTF8" {
            return Ok(Some(format!("the database's encoding is {encoding}: create it with UTF8")));
        }
        let standby = value(db, "SELECT pg_is_in_recovery()::text AS value").await?;
        let message = "this PostgreSQL is a read-only standby: use the primary's address";
        Ok((standby == "true").then(|| message.to_owned()))
    }
}

/// The way in which PostgreSQL is reached.
#[derive(Copy, Clone, Debug)]
enum Reach<'a> {
    /// Each connection has its own session.
    Direct,
    /// Connections lead through a pooler, and past it at `direct`.
    Pooled { direct: &'a str },
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres:") || url.starts_with("postgresql:")
}

/// The parameters of a PostgreSQL URL that sqlx accepts, besides `options[…]`.
const POSTGRES_URL_PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Warns of ignored parameters of a URL, by name. sqlx's own warning shows their values, which may
/// be secret, so it is not logged.
fn warn_of_parameters(url: &str) {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    for parameter in parameters.split('&') {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        if !name.is_empty()
            && !POSTGRES_URL_PARAMETERS.contains(&name)
            && !name.starts_with("options[")
        {
            tracing::warn!(parameter = name, "the PostgreSQL URL has a parameter that is ignored");
        }
    }
}

fn postgres_options(url: &str, more: &[(&str, &str)]) -> Result<PgConnectOptions> {
    warn_of_parameters(url);
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Fault::misconfigured_since(error, "the PostgreSQL URL can't be read"))?
        .application_name("daybook")
        // A transaction of a dead node must not hold its locks forever.
        .options([("idle_in_transaction_session_timeout", "10s"), ("TimeZone", "UTC")]);
    Ok(options.options(more.iter().copied()))
}

fn postgres_pool(size: u32, row_security: &RowSecurity) -> PgPoolOptions {
    let (new, lent) = (row_security.clone(), row_security.clone());
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // Saves a round trip for each query. Only an idle connection may have died unnoticed.
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let row_security = new.clone();
            Box::pin(async move { row_security.set_context(connection).await })
        })
        .before_acquire(move |connection, meta| {
            let row_security = lent.clone();
            Box::pin(async move {
                // Either one detects a connection that died while idle.
                Ok(if row_security.is_active() {
                    row_security.set_context(connection).await.is_ok()
                } else {
                    meta.idle_for < TRUSTED_IDLE_TIME || connection.ping().await.is_ok()
                })
            })
        })
}

/// Returns a duration in milliseconds for a setting of PostgreSQL. The least is 1, because 0 means
/// no limit.
fn milliseconds(duration: Duration) -> String {
    let most = i32::MAX.unsigned_abs();
    u32::try_from(duration.as_millis()).unwrap_or(most).clamp(1, most).to_string()
}

/// Configures connections of SQLite whose statements end when they take too long, or when nobody
/// waits for them any more.
fn ended_scans(pool: SqlitePoolOptions, read_timeout: Duration) -> SqlitePoolOptions {
    pool.after_connect(move |connection, _| Box::pin(watch(connection, read_timeout)))
        .before_acquire(move |connection, _| {
            Box::pin(async move { watch(connection, read_timeout).await.map(|()| true) })
        })
}

async fn watch(connection: &mut SqliteConnection, read_timeout: Duration) -> sqlx::Result<()> {
    let (abandoned, began) = (reader::abandoned(), Instant::now());
    let goes_on = move || !abandoned.load(Ordering::Relaxed) && began.elapsed() < read_timeout;
    connection.lock_handle().await?.set_progress_handler(SCAN_CHECK_INSTRUCTIONS, goes_on);
    Ok(())
}

/// Returns the turns of subscriptions at a pool of `readers` connections: half as many.
fn watcher_turns(readers: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(readers as usize / 2))
}

/// Creates a database's file, empty at first, and its folder, for their owner only. SQLite would
/// create the file for everybody, and it gives the files beside it the same mode.
fn make_private(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), private::make_folder);
    made.and_then(|()| private::make_file(file)).map_err(|source| {
        Fault::Io { context: format!("can't make {}", file.display()), source }.into()
    })
}

fn unreachable(error: sqlx::Error) -> Fault {
    Fault::misconfigured_since(error, "the database can't be opened")
}
