//! Entries as an export reads them: borrowed from the database's response, with JSON as text.

use chrono::{DateTime, Utc};
use daybook_entity::audit_log::Column;
use uuid::Uuid;

use crate::{Error, Fault, Result, database::sqlite::fault};

/// Microseconds from 1970 to 2000, the epoch of PostgreSQL's timestamps.
const EPOCH: i64 = 946_684_800_000_000;

/// Columns to read, in this order.
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

/// An entry with the fields of [`daybook_entity::audit_log::Model`].
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
    /// Parses the values of [`COLUMNS`] in PostgreSQL's binary format.
    ///
    /// An entity would own a copy of each value, which costs more than all the rest of an export.
    pub(super) fn of_postgres(values: &[Option<&'r [u8]>; COLUMNS.len()]) -> Result<Self> {
        let optional = |index: usize| values[index].map(text).transpose();
        let needed = |index: usize| values[index].ok_or_else(|| wrong("missing value"));
        let text = |index: usize| text(needed(index)?);
        let number = |index: usize| {
            let bytes = needed(index)?.try_into().map_err(|_| wrong("number"))?;
            Ok::<_, Error>(i64::from_be_bytes(bytes))
        };
        let instant = |index: usize| {
            let micros = number(index)?.checked_add(EPOCH);
            micros.and_then(DateTime::from_timestamp_micros).ok_or_else(|| wrong("time"))
        };
        Ok(Self {
            sequence: number(0)?,
            id: Uuid::from_slice(needed(1)?).map_err(|_| wrong("id"))?,
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
            hash: needed(19)?,
        })
    }

    /// Parses a row of SQLite that selects [`COLUMNS`].
    pub(super) fn of_sqlite(row: &'r rusqlite::Row<'_>) -> Result<Self> {
        let value = |index: usize| row.get_ref(index).map_err(fault);
        let text = |index: usize| value(index)?.as_str().map_err(|_| wrong("text"));
        let optional = |index: usize| value(index)?.as_str_or_null().map_err(|_| wrong("text"));
        let bytes = |index: usize| value(index)?.as_blob().map_err(|_| wrong("bytes"));
        let instant =
            |index: usize| crate::text::instant(text(index)?).ok_or_else(|| wrong("time"));
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

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| wrong("text"))
}

fn wrong(what: &str) -> Error {
    Fault::decode(format!("an entry's {what}"), "it is not as stored").into()
}
