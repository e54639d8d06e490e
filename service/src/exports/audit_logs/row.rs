//! An entry as an export reads it: borrowed from the database's answer, JSON as the text that it is.

use chrono::{DateTime, Utc};
use daybook_entity::audit_log::Column;
use sea_orm::{DbErr, QueryResult, RuntimeErr};
use sqlx::Row as _;
use uuid::Uuid;

use crate::{Fault, Result, database::sqlite::fault};

/// What is read, in this order.
pub(super) const COLUMNS: [Column; 20] = [
    Column::Sequence,
    Column::Id,
    Column::Timestamp,
    Column::RecordedAt,
    Column::RecordedBy,
    Column::ActorType,
    Column::ActorId,
    Column::ActorEmail,
    Column::ActorName,
    Column::Action,
    Column::Outcome,
    Column::ResourceType,
    Column::ResourceId,
    Column::ResourceName,
    Column::Changes,
    Column::IpAddress,
    Column::UserAgent,
    Column::RequestId,
    Column::Extra,
    Column::Hash,
];

/// An entry; its fields are those of [`daybook_entity::audit_log::Model`].
pub(super) struct Row<'r> {
    pub(super) sequence: i64,
    pub(super) id: Uuid,
    pub(super) timestamp: DateTime<Utc>,
    pub(super) recorded_at: DateTime<Utc>,
    pub(super) recorded_by: &'r str,
    pub(super) actor_type: &'r str,
    pub(super) actor_id: &'r str,
    pub(super) actor_email: Option<&'r str>,
    pub(super) actor_name: Option<&'r str>,
    pub(super) action: &'r str,
    pub(super) outcome: &'r str,
    pub(super) resource_type: &'r str,
    pub(super) resource_id: &'r str,
    pub(super) resource_name: Option<&'r str>,
    pub(super) changes: &'r str,
    pub(super) ip_address: Option<&'r str>,
    pub(super) user_agent: Option<&'r str>,
    pub(super) request_id: Option<&'r str>,
    pub(super) extra: Option<&'r str>,
    pub(super) hash: &'r [u8],
}

impl<'r> Row<'r> {
    /// Of a row of PostgreSQL that selects [`COLUMNS`].
    ///
    /// An entity would own a copy of each value, which costs more than all the rest of an export.
    pub(super) fn of_postgres(found: &'r QueryResult) -> Result<Self> {
        let Some(row) = found.try_as_pg_row() else {
            return Err(Fault::Stored("a row of another database".to_owned()).into());
        };
        let read = || {
            Ok(Self {
                sequence: row.try_get(0)?,
                id: row.try_get(1)?,
                timestamp: row.try_get(2)?,
                recorded_at: row.try_get(3)?,
                recorded_by: row.try_get(4)?,
                actor_type: row.try_get(5)?,
                actor_id: row.try_get(6)?,
                actor_email: row.try_get(7)?,
                actor_name: row.try_get(8)?,
                action: row.try_get(9)?,
                outcome: row.try_get(10)?,
                resource_type: row.try_get(11)?,
                resource_id: row.try_get(12)?,
                resource_name: row.try_get(13)?,
                changes: row.try_get(14)?,
                ip_address: row.try_get(15)?,
                user_agent: row.try_get(16)?,
                request_id: row.try_get(17)?,
                extra: row.try_get(18)?,
                hash: row.try_get(19)?,
            })
        };
        read()
            .map_err(|error: sqlx::Error| DbErr::Query(RuntimeErr::SqlxError(error.into())).into())
    }

    /// Of a row of SQLite that selects [`COLUMNS`].
    pub(super) fn of_sqlite(row: &'r rusqlite::Row<'_>) -> Result<Self> {
        let value = |index: usize| row.get_ref(index).map_err(fault);
        let wrong = |what: &str| crate::Error::from(Fault::Stored(format!("an entry's {what}")));
        let text = |index: usize| value(index)?.as_str().map_err(|_| wrong("text"));
        let optional = |index: usize| value(index)?.as_str_or_null().map_err(|_| wrong("text"));
        let bytes = |index: usize| value(index)?.as_blob().map_err(|_| wrong("bytes"));
        let instant = |index: usize| {
            let instant = DateTime::parse_from_rfc3339(text(index)?);
            Ok::<_, crate::Error>(instant.map_err(|_| wrong("time"))?.to_utc())
        };
        Ok(Self {
            sequence: value(0)?.as_i64().map_err(|_| wrong("sequence"))?,
            id: Uuid::from_slice(bytes(1)?).map_err(|_| wrong("id"))?,
            timestamp: instant(2)?,
            recorded_at: instant(3)?,
            recorded_by: text(4)?,
            actor_type: text(5)?,
            actor_id: text(6)?,
            actor_email: optional(7)?,
            actor_name: optional(8)?,
            action: text(9)?,
            outcome: text(10)?,
            resource_type: text(11)?,
            resource_id: text(12)?,
            resource_name: optional(13)?,
            changes: text(14)?,
            ip_address: optional(15)?,
            user_agent: optional(16)?,
            request_id: optional(17)?,
            extra: optional(18)?,
            hash: bytes(19)?,
        })
    }
}
