//! Daybook's schema: one change per file, never edited after its release, expand before contract.
//!
//! Each migration has its tables as SQL in files beside it, with a placeholder for each type that the
//! engines name differently (see [`dialect`]).
//!
//! During a deploy, processes of the previous version run on the schema of this one. A migration that only
//! adds has `_expand_` in its name, and those processes stay ready on it. A migration that removes something
//! has to wait until no process that uses it is running.

pub mod dialect;
mod m20261130_000001_initial;
mod m20261130_000002_search;
mod schema_status;

use std::fmt;

use sea_orm_migration::{
    prelude::*,
    sea_orm::{
        DatabaseConnection, DatabaseTransaction, DbBackend, RuntimeErr, SqliteTransactionMode,
        TransactionOptions, TransactionTrait, sqlx,
    },
};

pub use schema_status::{SchemaStatus, schema_status};

/// Every migration, oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261130_000001_initial::Migration),
            Box::new(m20261130_000002_search::Migration),
        ]
    }
}

/// Key of the PostgreSQL advisory lock that lets one node migrate at a time ("daybook" in ASCII).
const LOCK: i64 = 0x64_6179_626f_6f6b;

/// A migration, and its status in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Name of the migration, which begins with its date.
    pub name: String,
    /// True if the database has the migration.
    pub is_applied: bool,
}

/// Reason for which a schema was not changed.
#[derive(Debug)]
pub enum Error {
    /// The database has these migrations, which this build does not know.
    Newer(Vec<String>),
    /// A development version from before the first release created the database.
    Unreleased,
    /// The database's role is not allowed to change the schema.
    Forbidden(DbErr),
    /// The database refused a statement or became unreachable. Nothing was changed.
    Database(DbErr),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(names) => write!(
                f,
                "the database's schema is newer than this version of Daybook, which does not know \
                 {}: run the version that migrated it, or a later one; to go back to this version, \
                 restore a backup that was made before",
                names.join(", ")
            ),
            Self::Unreleased => f.write_str(
                "a development version of Daybook from before the first release created this database, and \
                 such databases are not migrated: use a new, empty one",
            ),
            Self::Forbidden(error) => write!(
                f,
                "{error}: the schema has to be migrated to this version, and the database's role is not \
                 allowed to change it: run `daybook migrate up` with the URL of the role that owns the tables"
            ),
            Self::Database(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Said already.
            Self::Newer(_) | Self::Unreleased | Self::Forbidden(_) => None,
            Self::Database(error) => error.source(),
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if may_not(&error) { Self::Forbidden(error) } else { Self::Database(error) }
    }
}

/// True if the role lacks a privilege (SQLSTATE 42501, insufficient_privilege).
fn may_not(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some("42501")
}

/// Returns the name of every migration, oldest first: the version of the schema.
#[must_use]
pub fn names() -> Vec<String> {
    Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

/// Applies the missing migrations, in one transaction that only one process at a time can hold.
///
/// # Errors
/// A database fault, or a schema newer than this build knows.
pub async fn up(db: &DatabaseConnection) -> Result<(), Error> {
    // A role that may only use the tables can't even read the migrator's status.
    if schema_status(db).await? == SchemaStatus::Current {
        return Ok(());
    }
    let tx = begin(db).await?;
    Migrator::up(&tx, None).await?;
    Ok(tx.commit().await?)
}

/// Applies the first migrations to an empty database, as many as `names`, which must be theirs.
///
/// # Errors
/// A database fault, or names of migrations that this build does not know.
pub async fn up_to(db: &DatabaseConnection, names: &[String]) -> Result<(), Error> {
    let known = self::names();
    if !known.starts_with(names) {
        let unknown = names.iter().filter(|name| !known.contains(name)).cloned().collect();
        return Err(Error::Newer(unknown));
    }
    let tx = begin(db).await?;
    Migrator::up(&tx, <u32 as TryFrom<usize>>::try_from(names.len()).ok()).await?;
    Ok(tx.commit().await?)
}

/// Reverts all migrations: drops all tables with all rows.
///
/// # Errors
/// A database fault, or a schema newer than this build knows.
pub async fn down(db: &DatabaseConnection) -> Result<(), Error> {
    let tx = begin(db).await?;
    Migrator::down(&tx, None).await?;
    Ok(tx.commit().await?)
}

/// Returns each migration with its status in the database, oldest first.
///
/// # Errors
/// A database fault, or a schema newer than this build knows.
pub async fn status(db: &DatabaseConnection) -> Result<Vec<Step>, Error> {
    // Rolled back, because the migrator creates its own table if there is none: reading the status changes
    // nothing, and doesn't conflict with a process that creates the table at the same time.
    let tx = begin(db).await?;
    let steps = Migrator::get_migration_with_status(&tx).await?;
    tx.rollback().await?;
    let step = |migration: sea_orm_migration::Migration| Step {
        name: migration.name().to_owned(),
        is_applied: migration.status() == sea_orm_migration::MigrationStatus::Applied,
    };
    Ok(steps.into_iter().map(step).collect())
}

/// Begins a transaction that only one process at a time can hold, on a schema that this build knows.
async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, Error> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = db.begin_with_options(options).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
        tx.execute_unprepared(&lock).await?;
    }
    match schema_status::read(&tx).await? {
        SchemaStatus::Newer(names) => Err(Error::Newer(names)),
        SchemaStatus::Unreleased => Err(Error::Unreleased),
        SchemaStatus::Current | SchemaStatus::Older(_) => Ok(tx),
    }
}
