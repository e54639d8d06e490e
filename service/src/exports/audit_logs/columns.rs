//! The columns of an export of the log, in one table: the SELECT list, the header of CSV, the
//! members of JSON, the schema of Parquet and the manifest come from it, and a test compares
//! README's list with it. A new column is a line here, and a new kind of value an arm in each
//! format.

use daybook_entity::audit_log::Column as Stored;

/// A column of an export.
pub(in crate::exports) struct Column {
    /// Name in tables and in the manifest.
    pub(in crate::exports) name: &'static str,
    /// Column of the database that holds the value.
    pub(super) stored: Stored,
    /// Kind of the values.
    pub(in crate::exports) kind: Kind,
    /// True if a value may be absent.
    pub(in crate::exports) is_optional: bool,
    /// Path of the member in JSON, as in the API, in at most one object: `actor.id`.
    pub(in crate::exports) json: &'static str,
    /// Name of the earlier column before which the member stands in JSON, if not in the table's
    /// order.
    pub(in crate::exports) json_before: Option<&'static str>,
}

/// The kind of a column's values.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::exports) enum Kind {
    /// A signed 64-bit integer.
    Number,
    /// An instant in UTC, with microseconds.
    Time,
    /// True or false.
    Flag,
    /// Text with few distinct values.
    Word,
    /// Text that differs in most entries.
    Text,
    /// A JSON value.
    Json,
    /// The entry's UUID, which becomes its global ID.
    Id,
    /// Bytes, which become hexadecimal digits.
    Hash,
}

/// All columns, in the order of tables.
#[rustfmt::skip]
pub(in crate::exports) const COLUMNS: &[Column] = &[
    Column::new("sequence", Stored::Sequence, Kind::Number),
    Column::new("id", Stored::Id, Kind::Id).json_before("sequence"),
    Column::new("timestamp", Stored::Timestamp, Kind::Time),
    Column::new("recordedAt", Stored::RecordedAt, Kind::Time),
    Column::new("clockSkewed", Stored::ClockSkewed, Kind::Flag),
    Column::new("recordedBy", Stored::RecordedBy, Kind::Word),
    Column::new("actorType", Stored::ActorType, Kind::Word).json("actor.type"),
    Column::new("actorId", Stored::ActorId, Kind::Word).json("actor.id").json_before("actorType"),
    Column::new("actorEmail", Stored::ActorEmail, Kind::Word).optional().json("actor.email"),
    Column::new("actorName", Stored::ActorName, Kind::Word).optional().json("actor.name"),
    Column::new("onBehalfOf", Stored::OnBehalfOf, Kind::Json).optional(),
    Column::new("action", Stored::Action, Kind::Word),
    Column::new("outcome", Stored::Outcome, Kind::Word),
    Column::new("resourceType", Stored::ResourceType, Kind::Word).json("resource.type"),
    Column::new("resourceId", Stored::ResourceId, Kind::Word).json("resource.id"),
    Column::new("resourceName", Stored::ResourceName, Kind::Word).optional().json("resource.name"),
    Column::new("relatedResources", Stored::RelatedResources, Kind::Json),
    Column::new("changes", Stored::Changes, Kind::Json),
    Column::new("ipAddress", Stored::IpAddress, Kind::Word).optional().json("metadata.ipAddress"),
    Column::new("userAgent", Stored::UserAgent, Kind::Word).optional().json("metadata.userAgent"),
    Column::new("requestId", Stored::RequestId, Kind::Text).optional().json("metadata.requestId"),
    Column::new("extra", Stored::Extra, Kind::Json).optional().json("metadata.extra"),
    Column::new("hash", Stored::Hash, Kind::Hash).json_before("actorId"),
];

/// Index of the column whose values are the entries' sequences.
pub(super) const SEQUENCE: usize = 0;
/// Index of the column whose values are the entries' timestamps.
pub(super) const TIMESTAMP: usize = 2;
const _: () = assert!(matches!(COLUMNS[SEQUENCE].stored, Stored::Sequence));
const _: () = assert!(matches!(COLUMNS[TIMESTAMP].stored, Stored::Timestamp));

impl Column {
    /// Returns a column that has a value in each entry, and a member of the same name in JSON.
    const fn new(name: &'static str, stored: Stored, kind: Kind) -> Self {
        Self { name, stored, kind, is_optional: false, json: name, json_before: None }
    }

    const fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    const fn json(self, path: &'static str) -> Self {
        Self { json: path, ..self }
    }

    const fn json_before(self, name: &'static str) -> Self {
        Self { json_before: Some(name), ..self }
    }
}

/// Returns the names of all columns, in the order of tables.
pub(in crate::exports) fn names() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|column| column.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_lists_all_columns() {
        let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
        let readme = std::fs::read_to_string(readme).unwrap();
        let head = "| column | in JSON | in Parquet | absent values |\n|---|---|---|---|\n";
        let rows = COLUMNS.iter().map(|Column { name, json, kind, is_optional, .. }| {
            let kind = match kind {
                Kind::Number => "64-bit integer",
                Kind::Flag => "boolean",
                Kind::Time => "UTC timestamp in microseconds",
                Kind::Word | Kind::Text | Kind::Id | Kind::Hash => "text",
                Kind::Json => "JSON",
            };
            let absent = if *is_optional { "possible" } else { "none" };
            format!("| `{name}` | `{json}` | {kind} | {absent} |\n")
        });
        let table = head.to_owned() + &rows.collect::<String>();
        assert!(readme.contains(&table), "README should list:\n{table}");
    }
}
