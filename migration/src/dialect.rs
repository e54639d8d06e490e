//! What the two engines call the same type.

use sea_orm_migration::sea_orm::DbBackend;

/// Placeholder, PostgreSQL's name, SQLite's name.
///
/// `:key` is text that is compared or sorted: byte order on both engines, whatever the database's
/// collation, so that a page has the same order everywhere.
const TYPES: [(&str, &str, &str); 4] = [
    (":uuid", "uuid", "blob"),
    (":time", "timestamptz", "text"),
    (":key", "text COLLATE \"C\"", "text"),
    (":bytes", "bytea", "blob"),
];

/// The statements of `sql` with each placeholder replaced by `backend`'s name for the type.
#[must_use]
pub fn translate(sql: &str, backend: DbBackend) -> String {
    TYPES.iter().fold(sql.to_owned(), |sql, (placeholder, postgres, sqlite)| {
        let name = if backend == DbBackend::Postgres { postgres } else { sqlite };
        sql.replace(placeholder, name)
    })
}
