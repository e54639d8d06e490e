//! How a database's schema stands to what this build knows.

use std::collections::BTreeSet;

use sea_orm_migration::{
    SchemaManager,
    sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement},
};

/// Where the migrator notes what is applied.
const APPLIED: &str = "seaql_migrations";
/// What the name of a migration holds that the version before can go on with, because it only adds
/// what that version does not ask for.
const EXPANDS: &str = "_expand_";

/// How a database's schema stands to what this build knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All that this build knows, and nothing else.
    Current,
    /// These migrations are missing, oldest first.
    Older(Vec<String>),
    /// It has these migrations, which this build does not know, oldest first.
    Newer(Vec<String>),
}

impl Standing {
    /// Whether a process that runs already can go on: on a schema that was expanded by its successor.
    #[must_use]
    pub fn can_go_on(&self) -> bool {
        match self {
            Self::Current => true,
            Self::Older(_) => false,
            Self::Newer(names) => names.iter().all(|name| name.contains(EXPANDS)),
        }
    }

    fn of(applied: &BTreeSet<String>, known: &[String]) -> Self {
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

/// How the schema stands now. Changes nothing and waits for nobody who migrates.
///
/// # Errors
/// A database fault.
pub async fn standing(db: &DatabaseConnection) -> Result<Standing, DbErr> {
    read(db).await
}

pub(crate) async fn read<C: ConnectionTrait>(db: &C) -> Result<Standing, DbErr>
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
    Ok(Standing::of(&applied, &crate::names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(applied: &[&str]) -> Standing {
        let known = ["m1".to_owned(), "m2".to_owned()];
        Standing::of(&applied.iter().map(|&name| name.to_owned()).collect(), &known)
    }

    #[test]
    fn schema_is_current_older_or_newer() {
        assert_eq!(of(&["m1", "m2"]), Standing::Current);
        assert_eq!(of(&["m1"]), Standing::Older(vec!["m2".to_owned()]));
        assert_eq!(of(&["m1", "m2", "m3"]), Standing::Newer(vec!["m3".to_owned()]));
        // What is missing does not hide what is unknown.
        assert_eq!(of(&["m1", "m3"]), Standing::Newer(vec!["m3".to_owned()]));
    }

    #[test]
    fn process_goes_on_where_its_successor_only_added() {
        assert!(of(&["m1", "m2"]).can_go_on() && !of(&["m1"]).can_go_on());
        assert!(of(&["m1", "m2", "m3_expand_notes"]).can_go_on());
        assert!(!of(&["m1", "m2", "m3_expand_notes", "m4_contract_notes"]).can_go_on());
    }
}
