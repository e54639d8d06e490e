//! Notifications between the processes of one instance.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use daybook_service::Nats;

use super::{defaults::defaults, heading, rules::refuse_without};

/// Settings of NATS, which replaces the database's own notifications.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = heading::CLUSTER)]
pub struct Messages {
    /// NATS servers that carry notifications between processes: nats://HOST or tls://HOST,
    /// separated by commas [default: none; PostgreSQL's LISTEN and NOTIFY are used]
    ///
    /// Set it to take notifications off PostgreSQL, which then needs two connections less for each node.
    #[arg(long, env = "DAYBOOK_NATS_URL", hide_env_values = true, global = true)]
    pub nats_url: Option<String>,
    /// NATS credentials file (JWT and seed), unless the URLs contain a login [default: none]
    ///
    /// Set it if the NATS servers know Daybook by such a file.
    #[arg(long, env = "DAYBOOK_NATS_CREDENTIALS", global = true)]
    pub nats_credentials: Option<PathBuf>,
    /// PEM file of certificate authorities that are trusted for NATS [default: the system's]
    ///
    /// Set it if a private authority has issued the certificates of the NATS servers.
    #[arg(long, env = "DAYBOOK_NATS_CA", global = true)]
    pub nats_ca: Option<PathBuf>,
}

impl Default for Messages {
    /// Returns the default of each option.
    fn default() -> Self {
        defaults()
    }
}

impl Messages {
    /// Returns the settings of NATS, if servers are configured.
    ///
    /// # Errors
    /// Fails if a setting is missing or not valid.
    pub(crate) fn nats(&self) -> Result<Option<Nats>> {
        let Self { nats_url, nats_credentials, nats_ca } = self;
        let Some(urls) = nats_url else {
            refuse_without(
                "DAYBOOK_NATS_URL",
                &[
                    ("DAYBOOK_NATS_CREDENTIALS", nats_credentials.is_some()),
                    ("DAYBOOK_NATS_CA", nats_ca.is_some()),
                ],
            )?;
            return Ok(None);
        };
        let nats = Nats::new(urls, nats_credentials.as_deref(), nats_ca.clone());
        nats.map(Some).map_err(anyhow::Error::msg).context("DAYBOOK_NATS_URL is not valid")
    }
}
