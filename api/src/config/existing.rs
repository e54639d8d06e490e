//! Opening an existing database. Nothing is created or migrated, so that a command that runs in the
//! wrong folder, or with a newer version, leaves no trace.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, anyhow};
use daybook_migration::SchemaStatus;
use daybook_service::{Clock, Database, Instance, binding, store::Store};

use super::{Config, tighten};
use crate::redact;

impl Config {
    /// Name of the database for messages: an absolute path or a URL without its password.
    #[must_use]
    pub fn database_name(&self) -> String {
        database_name(&self.database_url())
    }

    /// Opens the existing instance, for a command.
    ///
    /// # Errors
    /// Fails if anything is missing, unsafe or of another version; the text says what to do.
    pub async fn open_existing(&self, clock: Clock) -> Result<Arc<Instance>> {
        let store = || match self.missing_artifacts() {
            Some(folder) => Ok(Store::missing_folder(&folder)),
            None => self.store(),
        };
        self.open_with(store, clock).await
    }

    /// Opens the existing instance, for a worker, which creates the artifacts folder if it is missing.
    ///
    /// # Errors
    /// As for [`Self::open_existing`].
    pub async fn open_to_work(&self, clock: Clock) -> Result<Arc<Instance>> {
        self.open_with(|| self.store(), clock).await
    }

    async fn open_with(
        &self,
        store: impl FnOnce() -> Result<Store>,
        clock: Clock,
    ) -> Result<Arc<Instance>> {
        let options = self.options()?;
        let secret = self.known_secret()?;
        let db = self.existing_database().await?;
        let Some(secret) = secret else {
            let is_bound = binding::fingerprint(&db).await?.is_some();
            db.close().await?;
            return Err(if is_bound { anyhow!(self.missing_secret()) } else { self.no_secret() });
        };
        tighten(&self.paths().exposed());
        Ok(Instance::open(db, secret, store()?, options, clock).await?)
    }

    /// Opens the database if its schema is of this version.
    ///
    /// # Errors
    /// As for [`Self::database_with_schema`]; also fails if the schema is of another version.
    pub async fn existing_database(&self) -> Result<Database> {
        let db = self.database_with_schema().await?;
        let refusal = match daybook_migration::schema_status(db.access().connections()).await? {
            SchemaStatus::Current => return Ok(db),
            SchemaStatus::Older(missing) => anyhow!(
                "the schema of {} is older than this version of Daybook ({} migrations are \
                 missing): run `daybook migrate up`",
                self.database_name(),
                missing.len()
            ),
            SchemaStatus::Newer(names) => anyhow!(daybook_migration::Error::Newer(names)),
            SchemaStatus::Unreleased => anyhow!(daybook_migration::Error::Unreleased),
        };
        db.close().await?;
        Err(refusal)
    }

    /// Opens the database if it holds Daybook's schema, of any version.
    ///
    /// # Errors
    /// Fails if the database does not exist, has no Daybook schema, or can't be reached or used.
    pub async fn database_with_schema(&self) -> Result<Database> {
        self.check_file()?;
        let db = self.database().await?;
        match daybook_migration::schema_status(db.access().connections()).await? {
            SchemaStatus::Older(missing) if missing.len() == daybook_migration::names().len() => {
                db.close().await?;
                Err(self.absent())
            }
            _ => Ok(db),
        }
    }

    /// Checks, without changing it, that a SQLite file exists and holds a Daybook database.
    ///
    /// # Errors
    /// Fails if the file does not exist or is not Daybook's.
    pub(crate) fn check_file(&self) -> Result<()> {
        let Some(file) = Database::sqlite_file(&self.database_url()) else { return Ok(()) };
        if !file.exists() {
            return Err(self.absent());
        }
        let is_there = Database::is_in_sqlite_file(&file);
        if !is_there.with_context(|| format!("{} can't be read", self.database_name()))? {
            return Err(self.absent());
        }
        Ok(())
    }

    fn no_secret(&self) -> anyhow::Error {
        anyhow!(
            "{} has not been used yet, and there is no secret in {}: set DAYBOOK_SECRET or \
             DAYBOOK_SECRET_FILE, or start `daybook serve`, which generates one",
            self.database_name(),
            absolute(&self.data_dir)
        )
    }

    fn absent(&self) -> anyhow::Error {
        anyhow!(
            "there is no Daybook database at {}: run this command in the folder of the instance, or \
             set DAYBOOK_DATABASE_URL or DAYBOOK_DATA_DIR; `daybook serve` or `daybook migrate up` \
             creates a new database",
            self.database_name()
        )
    }
}

/// Name of the database at `url` for messages: an absolute path or a URL without its password.
pub(crate) fn database_name(url: &str) -> String {
    match Database::sqlite_file(url) {
        Some(file) => format!("sqlite://{}", absolute(&file)),
        None => server_database_name(&redact::url(url)),
    }
}

/// Returns the URL with only those parameters that identify the database; any other one could be a
/// password under a misspelt name.
fn server_database_name(url: &str) -> String {
    let Some((place, parameters)) = url.split_once('?') else { return url.to_owned() };
    let names = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default();
        ["host", "hostaddr", "port", "dbname", "user"].contains(&name)
    };
    match parameters.split('&').filter(names).collect::<Vec<_>>().join("&") {
        none if none.is_empty() => place.to_owned(),
        named => format!("{place}?{named}"),
    }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
