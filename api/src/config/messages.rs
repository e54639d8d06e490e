//! How processes of one instance tell each other to look.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use daybook_service::Nats;

/// NATS, in place of the database's own notifications.
#[derive(Args, Clone, Debug)]
pub struct Messages {
    /// NATS servers through which processes tell each other to look: nats://HOST or tls://HOST,
    /// separated by commas [default: none; PostgreSQL's LISTEN and NOTIFY]
    #[arg(long, env = "DAYBOOK_NATS_URL", hide_env_values = true, global = true)]
    pub nats_url: Option<String>,
    /// Who Daybook is there, where the URLs don't say it: a file of credentials (JWT and seed)
    #[arg(long, env = "DAYBOOK_NATS_CREDENTIALS", global = true)]
    pub nats_credentials: Option<PathBuf>,
    /// Certificates of authorities that are trusted there (PEM) [default: the system's]
    #[arg(long, env = "DAYBOOK_NATS_CA", global = true)]
    pub nats_ca: Option<PathBuf>,
}

impl Default for Messages {
    /// As if nothing were said.
    fn default() -> Self {
        super::defaults()
    }
}

impl Messages {
    /// NATS, if servers are named.
    ///
    /// # Errors
    /// A part that is missing or can't be used.
    pub(crate) fn nats(&self) -> Result<Option<Nats>> {
        let Self { nats_url, nats_credentials, nats_ca } = self;
        let Some(urls) = nats_url else {
            if nats_credentials.is_some() || nats_ca.is_some() {
                bail!("DAYBOOK_NATS_URL is missing: without it, the others mean nothing");
            }
            return Ok(None);
        };
        let nats = Nats::new(urls, nats_credentials.as_deref(), nats_ca.clone());
        nats.map(Some).map_err(anyhow::Error::msg).context("DAYBOOK_NATS_URL can't be used")
    }
}
