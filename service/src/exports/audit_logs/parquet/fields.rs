//! Columns of a Parquet file: named as in the CSV, with times and numbers typed, and all other
//! values as text, as in the API.

use chrono::{DateTime, Utc};
use parquet::{
    basic::{LogicalType, Repetition, TimeUnit, Type as Physical},
    errors::ParquetError,
    schema::types::Type,
};

use crate::exports::audit_logs::{csv, row::Row};

/// Name, type and source of a column.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// True if the column may have nulls, for absent values.
    pub(super) is_optional: bool,
}

/// Type of a column's values, and how to get one from a row.
pub(super) enum Kind {
    Number(fn(&Row<'_>) -> i64),
    /// A time in UTC, in microseconds.
    Time(fn(&Row<'_>) -> DateTime<Utc>),
    /// Text with few distinct values, stored in a dictionary.
    Word(Text),
    /// Text that differs in most rows.
    Text(Text),
    Json(Text),
    /// The entry's global ID, as in the API.
    Id,
    /// The entry's hash, in hexadecimal.
    Hash,
}

type Text = for<'r> fn(&Row<'r>) -> Option<&'r str>;

const fn always(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_optional: false }
}

const fn maybe(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_optional: true }
}

pub(super) const FIELDS: [Field; csv::COLUMNS.len()] = [
    always("sequence", Kind::Number(|row| row.sequence)),
    always("id", Kind::Id),
    always("timestamp", Kind::Time(|row| row.timestamp)),
    always("recordedAt", Kind::Time(|row| row.recorded_at)),
    always("recordedBy", Kind::Word(|row| Some(row.recorded_by))),
    always("actorType", Kind::Word(|row| Some(row.actor_type))),
    always("actorId", Kind::Word(|row| Some(row.actor_id))),
    maybe("actorEmail", Kind::Word(|row| row.actor_email)),
    maybe("actorName", Kind::Word(|row| row.actor_name)),
    always("action", Kind::Word(|row| Some(row.action))),
    always("outcome", Kind::Word(|row| Some(row.outcome))),
    always("resourceType", Kind::Word(|row| Some(row.resource_type))),
    always("resourceId", Kind::Word(|row| Some(row.resource_id))),
    maybe("resourceName", Kind::Word(|row| row.resource_name)),
    always("changes", Kind::Json(|row| Some(row.changes))),
    maybe("ipAddress", Kind::Word(|row| row.ip_address)),
    maybe("userAgent", Kind::Word(|row| row.user_agent)),
    maybe("requestId", Kind::Text(|row| row.request_id)),
    maybe("extra", Kind::Json(|row| row.extra)),
    always("hash", Kind::Hash),
];

impl Field {
    /// Returns the column's definition in the file's schema.
    pub(super) fn column(&self) -> Result<Type, ParquetError> {
        let (physical, logical) = match self.kind {
            Kind::Number(_) => (Physical::INT64, LogicalType::integer(64, true)),
            Kind::Time(_) => (Physical::INT64, LogicalType::timestamp(true, TimeUnit::MICROS)),
            Kind::Json(_) => (Physical::BYTE_ARRAY, LogicalType::Json),
            Kind::Word(_) | Kind::Text(_) | Kind::Id | Kind::Hash => {
                (Physical::BYTE_ARRAY, LogicalType::String)
            }
        };
        let repetition = if self.is_optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        Type::primitive_type_builder(self.name, physical)
            .with_logical_type(Some(logical))
            .with_repetition(repetition)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_the_csv() {
        assert_eq!(FIELDS.map(|field| field.name), csv::COLUMNS);
    }
}
