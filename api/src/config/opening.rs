//! Opening an instance: its database, which is created or migrated, and its artifact store.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use daybook_service::{Clock, Database, Instance, store::Store};

use super::{
    Config,
    paths::{folder, tighten},
};

impl Config {
    /// Opens the database, brings its schema up to date and returns the instance.
    ///
    /// # Errors
    /// Fails if a setting is missing or unsafe; the text says what to change.
    pub async fn open(&self, clock: Clock) -> Result<Arc<Instance>> {
        let options = self.options()?;
        tighten(&self.paths().exposed());
        let db = self.database().await?;
        self.refuse_other_secret(&db).await?;
        daybook_migration::up(db.for_migration()).await.context("can't migrate the database")?;
        let secret = self.secret_for(&db).await?;
        let store = self.store()?;
        Ok(Instance::open(db, secret, store, options, clock).await?)
    }

    /// Connects to the database and, if one is configured, its replica.
    ///
    /// # Errors
    /// Fails if the database or the replica can't be reached or used.
    pub async fn database(&self) -> Result<Database> {
        // Nobody waits for a read that takes longer than the operation may.
        let read_timeout = self.server_limits.execution_timeout;
        let url = self.database_url();
        let db = match &self.database_direct_url {
            Some(direct) => {
                let tried = Database::try_postgres(direct).await;
                tried.context("DAYBOOK_DATABASE_DIRECT_URL can't be used")?;
                Database::connect_pooled(&url, direct, read_timeout).await
            }
            None => Database::connect_with(&url, read_timeout).await,
        };
        let db = db.context("DAYBOOK_DATABASE_URL can't be used")?;
        match &self.database_replica_url {
            Some(url) => {
                let db = db.with_replica(url, read_timeout);
                Ok(db.context("DAYBOOK_DATABASE_REPLICA_URL can't be used")?)
            }
            None => Ok(db),
        }
    }

    /// Writes a probe to the bucket, so that a process that could not store anything fails at start.
    pub(crate) async fn try_store(&self) -> Result<()> {
        match &self.artifacts_url {
            Some(url) if self.is_in_bucket() => {
                let tried =
                    async { self.store()?.try_bucket(url).await.map_err(anyhow::Error::new) };
                tried.await.context("DAYBOOK_ARTIFACTS_URL can't be used")
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn store(&self) -> Result<Store> {
        let Some(url) = &self.artifacts_url else {
            return Ok(Store::folder(&self.data_dir.join("artifacts"))?);
        };
        if self.is_in_bucket() {
            return Ok(Store::bucket(url, self.artifact_links.into())?);
        }
        match folder(url) {
            Some(folder) => Ok(Store::folder(&folder)?),
            None => bail!("DAYBOOK_ARTIFACTS_URL must begin with file: or s3: (it is {url})"),
        }
    }
}
