//! Checks of the database: its version, settings, clock, replica and the secret it is bound to.

use chrono::TimeDelta;
use daybook_entity::instance;
use sea_orm::EntityTrait;

use super::Finding;
use crate::{
    Clock, Database, Engine, Purpose, Result, Secret,
    database::{self, setting, value},
    text::hex,
};

/// Largest difference between clocks that passes the check.
const CLOSE: TimeDelta = TimeDelta::seconds(2);
/// Largest difference between clocks that is only a warning; beyond it, tokens and links expire
/// noticeably early or late.
const MAX_CLOCK_DIFFERENCE: TimeDelta = TimeDelta::seconds(60);
/// Number of bytes of the secret's fingerprint that are shown, so that nodes can be compared.
const FINGERPRINT: usize = 4;
/// Maximum number of connections that one process opens to PostgreSQL.
const CONNECTIONS_PER_PROCESS: i64 = Database::MAX_CONNECTIONS as i64;

/// Reports the database's engine and version.
///
/// # Errors
/// A database fault.
pub async fn version(db: &Database) -> Result<Finding> {
    let found = match db.engine() {
        Engine::Sqlite => {
            format!("SQLite {}", value(db.reader(), "SELECT sqlite_version() AS value").await?)
        }
        Engine::Postgres => format!("PostgreSQL {}", setting(db.reader(), "server_version").await?),
    };
    Ok(Finding::ok("database", format!("{found} answers")))
}

/// Checks the settings of the database that Daybook relies on. Settings for durability are not
/// checked here: a database that could lose acknowledged writes is refused when it is opened.
///
/// # Errors
/// A database fault.
pub async fn settings(db: &Database) -> Result<Finding> {
    match db.engine() {
        Engine::Sqlite => {
            Ok(Finding::ok("settings", "write-ahead log, synchronous writes: commits are kept"))
        }
        Engine::Postgres => postgres(db).await,
    }
}

async fn postgres(db: &Database) -> Result<Finding> {
    let reader = db.reader();
    if setting(reader, "autovacuum").await? == "off" {
        let advice = "set autovacuum = on: without it tables grow and transaction numbers run out";
        return Ok(Finding::warn("settings", "autovacuum is off", advice));
    }
    let most: i64 = setting(reader, "max_connections").await?.parse().unwrap_or(0);
    if most < 2 * CONNECTIONS_PER_PROCESS {
        let found = format!(
            "max_connections is {most}, and a process opens up to {CONNECTIONS_PER_PROCESS}"
        );
        let advice = "raise max_connections to that many for each process and some for others";
        return Ok(Finding::warn("settings", found, advice));
    }
    let sql = "SELECT has_database_privilege(current_database(), 'TEMPORARY')::text AS value";
    if value(reader, sql).await? != "true" {
        let advice = "grant TEMPORARY on the database to Daybook's role, or make none that verify";
        return Ok(Finding::warn("settings", "backups can't be verified", advice));
    }
    let found = "fsync, full_page_writes and synchronous_commit are on: commits are kept";
    Ok(Finding::ok("settings", found))
}

/// Reports whether row-level security also separates organizations, besides the conditions in
/// every statement.
#[must_use]
pub fn row_security(db: &Database) -> Finding {
    let found = match db.engine() {
        Engine::Sqlite => "SQLite has none; conditions in every statement keep organizations apart",
        Engine::Postgres if db.has_row_security() => "stands behind every statement",
        Engine::Postgres => {
            "does not bind the role that owns the tables: README.md has how to use another"
        }
    };
    Finding::ok("row-security", found)
}

/// Measures the difference between this machine's clock and the database's.
///
/// # Errors
/// A database fault.
pub async fn clock(db: &Database) -> Result<Finding> {
    let clock = Clock::default();
    let before = clock.now();
    let theirs = database::now(db.reader(), &clock).await?;
    let after = clock.now();
    // The database read its clock at some moment between the two readings.
    let apart =
        if theirs < before { before - theirs } else { (theirs - after).max(TimeDelta::zero()) };
    Ok(judge(apart))
}

/// Checks that the replica answers and that it is a standby.
pub async fn replica(db: &Database) -> Finding {
    let Some(found) = db.ask_replica().await else { return Finding::ok("replica", "not used") };
    match found {
        Ok(found) if found.is_standby => {
            Finding::ok("replica", format!("PostgreSQL {} answers and follows", found.version))
        }
        Ok(found) => {
            let found = format!("PostgreSQL {} answers and follows nobody", found.version);
            let advice = "see that it is a standby of the database, or leave \
                DAYBOOK_DATABASE_REPLICA_URL out";
            Finding::warn("replica", found, advice)
        }
        Err(error) => {
            let advice = "see that it runs and is reached from here: the primary answers meanwhile";
            Finding::warn("replica", error.to_string(), advice)
        }
    }
}

fn judge(apart: TimeDelta) -> Finding {
    let found = format!("{:.1} s from the database's", apart.as_seconds_f64());
    let advice = "synchronize both machines' clocks by NTP: tokens and links end by this one's, \
        leases and recordedAt follow the database's";
    match () {
        () if apart <= CLOSE => Finding::ok("clock", found),
        () if apart <= MAX_CLOCK_DIFFERENCE => Finding::warn("clock", found, advice),
        () => Finding::fail("clock", found, advice),
    }
}

/// Checks that `secret` is the one that the database is bound to. Requires a migrated database.
///
/// # Errors
/// A database fault.
pub async fn secret(db: &Database, secret: Option<&Secret>) -> Result<Finding> {
    let known = instance::Entity::find_by_id(1).one(db.reader()).await?;
    let known = known.map(|instance| instance.secret_fingerprint);
    Ok(match (known, secret) {
        (None, _) => Finding::ok("secret", "the first start binds the database to it"),
        (Some(_), None) => Finding::fail(
            "secret",
            "the database was made with a secret, and there is none here",
            "set DAYBOOK_SECRET to it, or use the data folder that holds it; \
             if it is lost, see `daybook secret adopt --help`",
        ),
        (Some(known), Some(secret)) if secret.verify(Purpose::Fingerprint, &[], &known) => {
            let fingerprint = hex(&known[..FINGERPRINT.min(known.len())]);
            let found = "the one that the database was made with, fingerprint";
            Finding::ok("secret", format!("{found} {fingerprint}"))
        }
        (Some(_), Some(_)) => Finding::fail(
            "secret",
            "another one than the database was made with",
            "set DAYBOOK_SECRET to the first one: tokens, links and API keys rest on it; \
             if it is lost, see `daybook secret adopt --help`",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Health;

    #[test]
    fn clocks_may_differ_a_little() {
        for (seconds, health) in
            [(0, Health::Ok), (2, Health::Ok), (3, Health::Warn), (61, Health::Fail)]
        {
            assert_eq!(judge(TimeDelta::seconds(seconds)).health, health, "{seconds}");
        }
    }
}
