//! Daybook's schema: one change a file, never edited once released, expand before contract.
//!
//! Tables are written as SQL in files beside their migration, with a placeholder where the engines
//! name a type differently (see [`dialect`]).

pub mod dialect;
mod m20261121_000001_initial;
mod m20261124_000001_search;
mod m20261124_000004_backups;
mod m20261124_000005_api_keys;

use sea_orm_migration::{
    prelude::*,
    sea_orm::{
        DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
        TransactionOptions, TransactionTrait,
    },
};

/// Every migration, oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_initial::Migration),
            Box::new(m20261124_000001_search::Migration),
            Box::new(m20261124_000004_backups::Migration),
            Box::new(m20261124_000005_api_keys::Migration),
        ]
    }
}

/// Key of the PostgreSQL advisory lock that lets one node migrate at a time ("daybook" in ASCII).
const LOCK: i64 = 0x64_6179_626f_6f6b;

/// A migration and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The migration's name, which begins with its date.
    pub name: String,
    /// Whether the database has it.
    pub is_applied: bool,
}

/// The name of every migration, oldest first: the schema's version.
#[must_use]
pub fn names() -> Vec<String> {
    Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

/// Applies what is missing, in one transaction that only one process can hold.
///
/// # Errors
/// A database fault, or a schema newer than this build knows.
pub async fn up(db: &DatabaseConnection) -> Result<(), DbErr> {
    let tx = begin(db).await?;
    Migrator::up(&tx, None).await?;
    tx.commit().await
}

/// Takes everything back: drops all tables with all rows.
///
/// # Errors
/// A database fault.
pub async fn down(db: &DatabaseConnection) -> Result<(), DbErr> {
    let tx = begin(db).await?;
    Migrator::down(&tx, None).await?;
    tx.commit().await
}

/// Each migration and whether the database has it, oldest first.
///
/// # Errors
/// A database fault, or a schema newer than this build knows.
pub async fn status(db: &DatabaseConnection) -> Result<Vec<Step>, DbErr> {
    // Rolled back, because the migrator makes its own table where there is none yet: who only asks
    // changes nothing, and meets nobody who makes it at the same time.
    let tx = begin(db).await?;
    let steps = Migrator::get_migration_with_status(&tx).await?;
    tx.rollback().await?;
    let step = |migration: sea_orm_migration::Migration| Step {
        name: migration.name().to_owned(),
        is_applied: migration.status() == sea_orm_migration::MigrationStatus::Applied,
    };
    Ok(steps.into_iter().map(step).collect())
}

async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = db.begin_with_options(options).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
        tx.execute_unprepared(&lock).await?;
    }
    Ok(tx)
}
