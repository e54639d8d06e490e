//! An entry as an export reads it: borrowed from the database's answer, JSON as the text that it is.

use chrono::{DateTime, Utc};
use daybook_entity::audit_log::Column;
use sea_orm::{DbErr, QueryResult, RuntimeErr};
use sqlx::{ColumnIndex, Decode, Type};
use uuid::Uuid;

use crate::{Fault, Result};

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
    /// Of a row that selects [`COLUMNS`].
    ///
    /// An entity would own a copy of each value, which costs more than all the rest of an export.
    pub(super) fn of(found: &'r QueryResult) -> Result<Self> {
        let row = match (found.try_as_pg_row(), found.try_as_sqlite_row()) {
            (Some(row), _) => read(row),
            (None, Some(row)) => read(row),
            (None, None) => {
                return Err(Fault::Stored("a row of an unknown database".to_owned()).into());
            }
        };
        Ok(row.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?)
    }
}

fn read<'r, R>(row: &'r R) -> std::result::Result<Row<'r>, sqlx::Error>
where
    R: sqlx::Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    DateTime<Utc>: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(Row {
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
}
