//! The instance that a command works on.

use std::sync::{Arc, Once};

use anyhow::{Context, Result};
use daybook_entity::organization;
use daybook_service::{Clock, Instance, Permission, Scope, organizations};

use super::{caller, report::inform};
use crate::config::Config;

/// Opens the existing instance.
pub(super) async fn open(config: &Config) -> Result<Arc<Instance>> {
    config.open_existing(Clock::default()).await
}

/// Closes the instance, and names its database on standard error.
pub(super) async fn close(config: &Config, instance: &Instance) -> Result<()> {
    instance.stop().await?;
    name_database(&config.database_name());
    Ok(())
}

/// Names the database that a command works on, once per process.
pub(super) fn name_database(name: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| inform(&format!("using the database {name}")));
}

async fn organization(
    config: &Config,
    instance: &Instance,
    slug: &str,
) -> Result<organization::Model> {
    let found = organizations::find_by_slug(instance, slug).await?;
    found.with_context(|| {
        format!(
            "there is no organization {slug} in {}; `daybook organization create` creates one",
            config.database_name()
        )
    })
}

pub(super) async fn scope(
    config: &Config,
    instance: &Arc<Instance>,
    slug: &str,
    permission: Permission,
) -> Result<Scope> {
    let organization = organization(config, instance, slug).await?;
    let viewer = caller::viewer(config)?;
    Ok(instance.enter(&viewer, organization.id, permission, &[]).await?)
}
