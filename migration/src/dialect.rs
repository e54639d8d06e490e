//! Names of types on the two engines.

use sea_orm_migration::sea_orm::DbBackend;

/// Placeholders, each with PostgreSQL's and SQLite's name of the type.
///
/// `:key` is text that is compared or sorted. It is ordered by bytes on both engines, regardless of the
/// database's collation, so that a page has the same order everywhere.
const TYPES: [(&str, &str, &str); 4] = [
    (":uuid", "uuid", "blob"),
    (":time", "timestamptz", "text"),
    (":key", "text COLLATE \"C\"", "text"),
    (":bytes", "bytea", "blob"),
];

/// Replaces each placeholder in `sql` by `backend`'s name of the type.
#[must_use]
pub fn translate(sql: &str, backend: DbBackend) -> String {
    TYPES.iter().fold(sql.to_owned(), |sql, (placeholder, postgres, sqlite)| {
        let name = if backend == DbBackend::Postgres { postgres } else { sqlite };
        sql.replace(placeholder, name)
    })
}
