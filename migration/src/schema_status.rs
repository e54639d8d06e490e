//! Comparison of a database's schema with the migrations that this build knows.

use std::collections::BTreeSet;

use sea_orm_migration::{
    SchemaManager,
    sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement},
};

/// Table in which the migrator records what it has applied.
const APPLIED: &str = "seaql_migrations";
/// Part of a migration's name. It marks migrations that only add something, so that the previous version can
/// keep running.
const EXPANDS: &str = "_expand_";

/// The first migration of the development versions before the first release. Their schema is not migrated.
const UNRELEASED: &str = "m20261121_000001_initial";

/// Status of a database's schema, compared with the migrations that this build knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaStatus {
    /// The database has exactly the migrations that this build knows.
    Current,
    /// The database lacks these migrations, oldest first.
    Older(Vec<String>),
    /// The database has these migrations, oldest first, which this build does not know.
    Newer(Vec<String>),
    /// A development version from before the first release created the schema, which is not migrated.
    Unreleased,
}

impl SchemaStatus {
    /// True if a process that is already running can continue: the schema is current, or a newer version
    /// has only added to it.
    #[must_use]
    pub fn can_go_on(&self) -> bool {
        match self {
            Self::Current => true,
            Self::Older(_) | Self::Unreleased => false,
            Self::Newer(names) => names.iter().all(|name| name.contains(EXPANDS)),
        }
    }

    fn of(applied: &BTreeSet<String>, known: &[String]) -> Self {
        if applied.contains(UNRELEASED) {
            return Self::Unreleased;
        }
        let is_known = |name: &&String| known.contains(name);
        let newer: Vec<_> = applied.iter().filter(|name| !is_known(name)).cloned().collect();
        if !newer.is_empty() {
            return Self::Newer(newer);
        }
        let missing = known.iter().filter(|name| !applied.contains(*name)).cloned();
        match missing.collect::<Vec<_>>() {
            missing if missing.is_empty() => Self::Current,
            missing => Self::Older(missing),
        }
    }
}

/// Reads the current status of the schema. Changes nothing, and does not wait for a migration in progress.
///
/// # Errors
/// A database fault.
pub async fn schema_status(db: &DatabaseConnection) -> Result<SchemaStatus, DbErr> {
    read(db).await
}

pub(crate) async fn read<C: ConnectionTrait>(db: &C) -> Result<SchemaStatus, DbErr>
where
    for<'c> &'c C: sea_orm_migration::IntoSchemaManagerConnection<'c>,
{
    let mut applied = BTreeSet::new();
    if SchemaManager::new(db).has_table(APPLIED).await? {
        let sql = format!("SELECT version FROM {APPLIED}");
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        for row in rows {
            applied.insert(row.try_get("", "version")?);
        }
    }
    Ok(SchemaStatus::of(&applied, &crate::names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(applied: &[&str]) -> SchemaStatus {
        let known = ["m1".to_owned(), "m2".to_owned()];
        SchemaStatus::of(&applied.iter().map(|&name| name.to_owned()).collect(), &known)
    }

    #[test]
    fn schema_is_current_older_or_newer() {
        assert_eq!(of(&["m1", "m2"]), SchemaStatus::Current);
        assert_eq!(of(&["m1"]), SchemaStatus::Older(vec!["m2".to_owned()]));
        assert_eq!(of(&["m1", "m2", "m3"]), SchemaStatus::Newer(vec!["m3".to_owned()]));
        assert_eq!(of(&[UNRELEASED, "m1", "m3"]), SchemaStatus::Unreleased);
        // What is missing does not hide what is unknown.
        assert_eq!(of(&["m1", "m3"]), SchemaStatus::Newer(vec!["m3".to_owned()]));
    }

    #[test]
    fn process_goes_on_where_its_successor_only_added() {
        assert!(of(&["m1", "m2"]).can_go_on() && !of(&["m1"]).can_go_on());
        assert!(of(&["m1", "m2", "m3_expand_notes"]).can_go_on());
        assert!(!of(&["m1", "m2", "m3_expand_notes", "m4_contract_notes"]).can_go_on());
    }
}
