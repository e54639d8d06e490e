//! Contents of a backup: each table, its columns and the owner of its rows. A test fails if a table
//! is missing here.

use std::sync::OnceLock;

use daybook_entity::{
    api_key, artifact, audit_log, audit_log_head, clock_step, hold, import_line, import_run,
    instance, job, job_event, job_feed, membership, note, operator, organization, recording,
    retention, workspace,
};
use sea_orm::{ColumnTrait, ColumnType, EntityTrait, IdenStatic, Iterable};
use uuid::Uuid;

use crate::Engine;

/// Tables that no backup contains: facts about this database rather than its content, and search
/// indexes derived from the content.
pub const LEFT_OUT: [&str; 5] = [
    "restores",
    "artifact_stores",
    "audit_log_search",
    "audit_log_search_resources",
    "audit_log_search_spaces",
];

/// A table of a backup.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name of the table, the same on both engines.
    pub name: &'static str,
    /// Stored columns, without those that the database computes.
    pub(super) columns: Vec<Column>,
    holds: Holds,
}

/// A column of a backup.
#[derive(Copy, Clone, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Largest integer that the column can hold on PostgreSQL. Used for integer columns only.
    pub(super) max_integer: i64,
}

/// Type of a column's values. The engines store some types differently.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A UUID; 16 bytes on SQLite.
    Uuid,
    /// An instant; RFC 3339 text on SQLite.
    Time,
    /// Binary data of any length.
    Bytes,
    /// An integer of any width.
    Integer,
    /// A boolean; 0 or 1 on SQLite.
    Boolean,
    /// Text, including JSON and enumerations.
    Text,
}

/// Owner of a table's rows, which determines the rows that one organization's backup contains.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Holds {
    /// Organizations themselves, identified by `id`.
    Organizations,
    /// Rows of organizations, identified by `organization_id`.
    Tenants,
    /// Rows of the instance, and rows of organizations that make sense only on this instance: jobs,
    /// artifacts (their files are not in a backup) and API keys (valid only with this instance's
    /// secret).
    Instance,
    /// Names of the migrations that created the schema.
    Schema,
}

/// Scope of a backup.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum BackupScope {
    /// The whole instance.
    Instance,
    /// The organization with this ID.
    Organization(Uuid),
}

impl BackupScope {
    /// Returns the ID of the organization whose log's head a backup records.
    pub(super) fn head(self) -> Uuid {
        match self {
            Self::Instance => Uuid::nil(),
            Self::Organization(id) => id,
        }
    }
}

/// Selection of a table's rows for a backup.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// All rows.
    All,
    /// Rows in which the named column has this value.
    Of(&'static str, Uuid),
}

impl Rows {
    /// Returns the `WHERE` clause for these rows, with a space before it; empty for all rows.
    pub(super) fn condition(self, engine: Engine) -> String {
        match (self, engine) {
            (Self::All, _) => String::new(),
            (Self::Of(column, id), Engine::Sqlite) => {
                format!(" WHERE {column} = X'{}'", crate::hex(id.as_bytes()))
            }
            (Self::Of(column, id), Engine::Postgres) => format!(" WHERE {column} = '{id}'"),
        }
    }
}

/// Returns every table, in an order in which no row comes before a row that it refers to.
#[must_use]
pub fn tables() -> &'static [Table] {
    static TABLES: OnceLock<Vec<Table>> = OnceLock::new();
    TABLES.get_or_init(all)
}

/// Returns the tables of a backup with their indexes, and the rows of each that it contains.
pub(super) fn parts(scope: BackupScope) -> impl Iterator<Item = (usize, &'static Table, Rows)> {
    let tables = tables().iter().enumerate();
    tables.filter_map(move |(index, table)| Some((index, table, table.rows(scope)?)))
}

fn all() -> Vec<Table> {
    let migrations = vec![
        Column { name: "version", kind: Kind::Text, max_integer: 0 },
        Column { name: "applied_at", kind: Kind::Integer, max_integer: i64::MAX },
    ];
    vec![
        Table { name: "seaql_migrations", columns: migrations, holds: Holds::Schema },
        table::<instance::Entity>(Holds::Instance),
        table::<operator::Entity>(Holds::Instance),
        table::<organization::Entity>(Holds::Organizations),
        table::<membership::Entity>(Holds::Tenants),
        table::<api_key::Entity>(Holds::Instance),
        table::<audit_log_head::Entity>(Holds::Tenants),
        table::<retention::Entity>(Holds::Tenants),
        table::<hold::Entity>(Holds::Tenants),
        table::<audit_log::Entity>(Holds::Tenants),
        table::<clock_step::Entity>(Holds::Tenants),
        table::<recording::Entity>(Holds::Tenants),
        table::<import_run::Entity>(Holds::Tenants),
        table::<import_line::Entity>(Holds::Tenants),
        table::<job_feed::Entity>(Holds::Instance),
        table::<job::Entity>(Holds::Instance),
        table::<job_event::Entity>(Holds::Instance),
        table::<artifact::Entity>(Holds::Instance),
        table::<workspace::Entity>(Holds::Tenants),
        table::<note::Entity>(Holds::Tenants),
    ]
}

fn table<E: EntityTrait>(holds: Holds) -> Table {
    let columns = E::Column::iter().map(|column| {
        let def = column.def();
        let max_integer = max_integer(def.get_column_type());
        Column { name: column.as_str(), kind: kind(def.get_column_type()), max_integer }
    });
    Table { name: E::default().table_name(), columns: columns.collect(), holds }
}

fn kind(stored: &ColumnType) -> Kind {
    match stored {
        ColumnType::Uuid => Kind::Uuid,
        ColumnType::Timestamp | ColumnType::TimestampWithTimeZone | ColumnType::DateTime => {
            Kind::Time
        }
        ColumnType::Binary(_) | ColumnType::VarBinary(_) | ColumnType::Blob => Kind::Bytes,
        ColumnType::SmallInteger | ColumnType::Integer | ColumnType::BigInteger => Kind::Integer,
        ColumnType::Boolean => Kind::Boolean,
        _ => Kind::Text,
    }
}

fn max_integer(stored: &ColumnType) -> i64 {
    match stored {
        ColumnType::SmallInteger => i64::from(i16::MAX),
        ColumnType::Integer => i64::from(i32::MAX),
        _ => i64::MAX,
    }
}

/// Finds a table and its index by name.
pub(super) fn find(name: &str) -> Option<(usize, &'static Table)> {
    tables().iter().enumerate().find(|(_, table)| table.name == name)
}

impl Table {
    /// Returns the rows of the table that a backup contains; none if it leaves the table out.
    pub(super) fn rows(&self, scope: BackupScope) -> Option<Rows> {
        match (scope, self.holds) {
            (BackupScope::Instance, _) | (_, Holds::Schema) => Some(Rows::All),
            (BackupScope::Organization(id), Holds::Organizations) => Some(Rows::Of("id", id)),
            (BackupScope::Organization(id), Holds::Tenants) => {
                Some(Rows::Of("organization_id", id))
            }
            (BackupScope::Organization(_), Holds::Instance) => None,
        }
    }

    /// Returns the table with only these columns, in this order; none if the names are not some of
    /// its columns, each once. A file of an earlier schema has fewer columns than this build.
    pub(super) fn with_columns<'a>(&self, names: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut columns: Vec<Column> = Vec::with_capacity(self.columns.len());
        for name in names {
            let column = *self.columns.iter().find(|column| column.name == name)?;
            if columns.iter().any(|other| other.name == name) {
                return None;
            }
            columns.push(column);
        }
        (!columns.is_empty()).then_some(Self { columns, ..*self })
    }

    /// Returns the table with only its first column, which every schema has.
    pub(super) fn with_first_column(&self) -> Self {
        let columns = self.columns.iter().take(1).copied().collect();
        Self { columns, ..*self }
    }

    /// Returns the names of the columns, separated by commas.
    pub(super) fn column_names(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        names.join(", ")
    }
}
