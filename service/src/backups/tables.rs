//! What a backup holds: each table, its columns and whose its rows are. A table that is forgotten
//! here is found by a test.

use std::sync::OnceLock;

use daybook_entity::{
    api_key, artifact, audit_log, audit_log_head, hold, instance, job, job_event, job_feed,
    membership, note, operator, organization, recording, retention, workspace,
};
use sea_orm::{ColumnTrait, ColumnType, EntityTrait, IdenStatic, Iterable};
use uuid::Uuid;

use crate::Engine;

/// Tables that no backup holds: facts about this database, not about what is kept in it, and what is
/// derived from that.
pub const LEFT_OUT: [&str; 4] =
    ["restores", "artifact_stores", "audit_log_search", "audit_log_search_spaces"];

/// A table of a backup.
#[derive(Debug)]
pub struct Table {
    /// Its name, on both engines.
    pub name: &'static str,
    /// What is stored in it; not what the database computes of that.
    pub(super) columns: Vec<Column>,
    holds: Holds,
}

/// A column of a backup.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The greatest whole number that PostgreSQL's column holds.
    pub(super) max_integer: i64,
}

/// What a column's values are. The engines store some of them differently.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 16 bytes on SQLite.
    Uuid,
    /// RFC 3339 text on SQLite.
    Time,
    /// Bytes.
    Bytes,
    /// Whole numbers of any width.
    Integer,
    /// 0 or 1 on SQLite.
    Boolean,
    /// Text, JSON and enumerations included.
    Text,
}

/// Whose rows a table holds, which decides what of it is in one organization's backup.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Holds {
    /// Organizations themselves, by `id`.
    Organizations,
    /// Rows of organizations, by `organization_id`.
    Tenants,
    /// Rows of the instance, or of organizations but about this instance: jobs, artifacts, whose
    /// files are not in a backup, and API keys, which hold with this instance's secret only.
    Instance,
    /// Which migrations made the schema.
    Schema,
}

/// Of whom a backup is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum BackupScope {
    /// Everything.
    Instance,
    /// One organization.
    Organization(Uuid),
}

/// Which rows of a table are in a backup.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// All of them.
    All,
    /// Those whose column has this value.
    Of(&'static str, Uuid),
}

impl Rows {
    /// The condition of a statement, with a blank before it.
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

/// Every table, in an order in which no row comes before one that it refers to.
#[must_use]
pub fn tables() -> &'static [Table] {
    static TABLES: OnceLock<Vec<Table>> = OnceLock::new();
    TABLES.get_or_init(all)
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
        table::<recording::Entity>(Holds::Tenants),
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

/// The table of this name.
pub(super) fn find(name: &str) -> Option<(usize, &'static Table)> {
    tables().iter().enumerate().find(|(_, table)| table.name == name)
}

impl Table {
    /// Which of its rows a backup holds; none where it holds nothing of the table.
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

    /// Its columns' names, with commas between.
    pub(super) fn column_names(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        names.join(", ")
    }
}
