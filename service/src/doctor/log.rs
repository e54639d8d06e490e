//! Checks that the log is append-only, that its newest entry is not from the future, and that nothing
//! holds back retention.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::retention;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Statement};
use uuid::Uuid;

use super::Finding;
use crate::{
    Clock, Database, Engine, Result,
    database::{self, setting},
    job_kinds,
    retention::{Obstacle, Outlook, outlook_of},
    tenancy,
};

/// Triggers that keep entries from being changed or removed, on SQLite.
const SQLITE_TRIGGERS: [&str; 3] =
    ["audit_logs_no_delete", "audit_logs_no_replace", "audit_logs_no_update"];
/// Triggers that keep entries from being changed or removed, on PostgreSQL.
const POSTGRES_TRIGGERS: [&str; 2] = ["audit_logs_no_change", "audit_logs_no_truncate"];
/// Largest tolerated lead of the newest entry over the database's clock, which may have been
/// corrected since.
const MAX_LEAD: TimeDelta = TimeDelta::seconds(2);
/// Maximum number of organizations that a finding names.
const MAX_NAMED: usize = 5;

/// Checks that the database refuses to change or remove entries. Requires a migrated database.
///
/// # Errors
/// A database fault.
pub async fn append_only(db: &Database) -> Result<Finding> {
    let (expected, found) = match db.engine() {
        Engine::Sqlite => (&SQLITE_TRIGGERS[..], sqlite_triggers(db.reader()).await?),
        Engine::Postgres => {
            let role = setting(db.reader(), "session_replication_role").await?;
            if role == "replica" {
                let found = "session_replication_role is replica: no trigger protects the log";
                let advice = "ALTER ROLE … RESET session_replication_role for Daybook's role";
                return Ok(Finding::fail("append-only", found, advice));
            }
            (&POSTGRES_TRIGGERS[..], postgres_triggers(db.reader()).await?)
        }
    };
    let lacks: Vec<_> =
        expected.iter().filter(|name| !found.iter().any(|it| it == *name)).collect();
    if lacks.is_empty() {
        return Ok(Finding::ok("append-only", "the database refuses to change or remove entries"));
    }
    let names: Vec<_> = lacks.iter().map(|name| **name).collect();
    let found = format!("entries can be changed: {} missing or disabled", names.join(", "));
    let advice = "find out who did it and whether the log is as it was in a backup; then ALTER TABLE \
        audit_logs ENABLE TRIGGER ALL as the tables' owner, or restore a backup";
    Ok(Finding::fail("append-only", found, advice))
}

async fn sqlite_triggers(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT name AS value FROM sqlite_schema WHERE type = 'trigger' \
        AND tbl_name = 'audit_logs' AND sql LIKE '%RAISE(ABORT%'";
    texts(db, sql).await
}

async fn postgres_triggers(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT t.tgname::text AS value FROM pg_trigger AS t \
        JOIN pg_proc AS p ON p.oid = t.tgfoid \
        WHERE t.tgrelid = 'audit_logs'::regclass AND t.tgenabled IN ('O', 'A') \
        AND p.proname = 'audit_logs_append_only' AND p.prosrc LIKE '%RAISE EXCEPTION%'";
    texts(db, sql).await
}

async fn texts(db: &impl ConnectionTrait, sql: &str) -> Result<Vec<String>, DbErr> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    rows.iter().map(|row| row.try_get("", "value")).collect()
}

/// Checks that the newest entry is not from the future, which would mean that a clock was set
/// back. Requires a migrated database.
///
/// # Errors
/// A database fault.
pub async fn newest_entry(db: &Database) -> Result<Finding> {
    let sql = "SELECT entry.recorded_at AS value FROM audit_log_heads AS head \
        JOIN audit_logs AS entry ON entry.organization_id = head.organization_id \
        AND entry.sequence = head.sequence ORDER BY entry.recorded_at DESC LIMIT 1";
    let reader = db.reader();
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let Some(row) = reader.query_one_raw(statement).await? else {
        return Ok(Finding::ok("newest-entry", "there is none yet"));
    };
    let newest: DateTime<Utc> = row.try_get("", "value")?;
    let now = database::now(reader, &Clock::default()).await?;
    Ok(judge(newest, now))
}

/// Checks that old entries are removed: nothing but holds keeps them for longer than retention asks
/// for. Requires a schema that is up to date.
///
/// # Errors
/// A database fault.
pub async fn retention(db: &Database) -> Result<Finding> {
    tenancy::system(async {
        let (reader, clock) = (db.reader(), Clock::default());
        let kinds = || {
            let readers = job_kinds::ALL.about().filter(|kind| kind.reads_audit_log);
            readers.map(|kind| kind.name).collect()
        };
        let mut kept = Vec::new();
        for found in retention::Entity::find().all(reader).await? {
            let outlook = outlook_of(reader, &clock, kinds(), &found).await?;
            if !outlook.obstacles.is_empty() {
                kept.push((found.organization_id, outlook));
            }
        }
        Ok(judge_retention(&kept))
    })
    .await
}

fn judge_retention(kept: &[(Uuid, Outlook)]) -> Finding {
    let describe = |(organization_id, outlook): &(Uuid, Outlook)| {
        let reasons: Vec<_> = outlook.obstacles.iter().map(|obstacle| obstacle.name()).collect();
        format!("{organization_id} by {}", reasons.join(" and "))
    };
    let described: Vec<_> = kept.iter().take(MAX_NAMED).map(describe).collect();
    let more = match kept.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let found = format!("old entries are kept in {}{more}", described.join(", "));
    let is_by_clock = kept.iter().any(|(_, outlook)| outlook.obstacles.contains(&Obstacle::Clock));
    match kept {
        [] => Finding::ok("retention", "nothing holds back the removal of old entries"),
        _ if is_by_clock => {
            let advice = "set the database's clock right by NTP: entries whose times are in the \
                future or contradict each other are removed once the next one that is recorded with \
                a right clock is old enough";
            Finding::warn("retention", found, advice)
        }
        _ => Finding::ok("retention", found),
    }
}

fn judge(newest: DateTime<Utc>, now: DateTime<Utc>) -> Finding {
    let at = newest.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    if newest <= now + MAX_LEAD {
        return Finding::ok("newest-entry", format!("was recorded at {at}"));
    }
    let ahead = (newest - now).as_seconds_f64();
    let found = format!("was recorded at {at}, {ahead:.0} s after the database's clock");
    let advice = "set the database's clock right by NTP: it was ahead then, or is behind now; entries \
        get that time until the clock has caught up, or go back if that takes longer than an hour";
    Finding::warn("newest-entry", found, advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Health;

    #[test]
    fn entry_may_not_be_from_the_future() {
        let now = DateTime::UNIX_EPOCH;
        for (seconds, health) in [(-9, Health::Ok), (2, Health::Ok), (3, Health::Warn)] {
            assert_eq!(judge(now + TimeDelta::seconds(seconds), now).health, health, "{seconds}");
        }
    }
}
