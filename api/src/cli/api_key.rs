//! `daybook api-key`.

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::{Subcommand, ValueEnum};
use daybook_entity::{api_key::Model, membership};
use daybook_service::{
    GlobalId, Permission, Scope,
    organizations::api_keys::{self, Created, NewApiKey},
    page::PageArgs,
};

use super::{
    access::name,
    instance::{close, open, scope},
    output::say,
};
use crate::config::Config;

#[derive(Subcommand, Debug)]
pub(super) enum ApiKey {
    /// Create a key and print it; it can't be displayed again
    Create {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// The key's role in the organization
        #[arg(long, value_enum, ignore_case = true)]
        role: Role,
        /// Display name of the key
        #[arg(long)]
        name: String,
        /// Validity of the key, e.g. 90d [default: until it is revoked]
        #[arg(long, value_parser = humantime::parse_duration)]
        ttl: Option<Duration>,
    },
    /// Revoke a key immediately and permanently
    Revoke {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// The key itself, its ID, its prefix (the part between `dbk_` and the next underscore), or its subject
        key: String,
    },
    /// Print prefix, role, state, last use and name of each key, separated by tabs
    List {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
    },
}

/// Role of an API key, as an option.
#[derive(Copy, Clone, Debug, ValueEnum)]
pub(super) enum Role {
    /// Can read and export the audit log
    Auditor,
    /// Can only record audit entries
    Writer,
}

impl From<Role> for membership::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Auditor => Self::Auditor,
            Role::Writer => Self::Writer,
        }
    }
}

/// Creates, revokes or lists API keys.
pub(super) async fn api_key(config: &Config, command: ApiKey) -> Result<()> {
    let instance = open(config).await?;
    let now = instance.clock.now();
    match command {
        ApiKey::Create { organization, role, name, ttl } => {
            let scope = scope(config, &instance, &organization, Permission::CreateApiKeys).await?;
            let expires_at = ttl.map(|ttl| expiry(now, ttl)).transpose()?;
            let new = NewApiKey { name, role: role.into(), expires_at };
            let Created { row: _, key } = api_keys::create(&scope, new).await?;
            say(&key)?;
        }
        ApiKey::Revoke { organization, key } => {
            let scope = scope(config, &instance, &organization, Permission::RevokeApiKeys).await?;
            let found = find(&scope, &key).await?;
            // The argument is not repeated, since it may be a secret.
            let found = found.with_context(|| {
                format!(
                    "{organization} has no such API key; `daybook api-key list --organization \
                     {organization}` prints the prefixes of all keys"
                )
            })?;
            api_keys::revoke(&scope, found.id).await?;
        }
        ApiKey::List { organization } => {
            let scope = scope(config, &instance, &organization, Permission::ReadApiKeys).await?;
            list(&scope, now).await?;
        }
    }
    close(config, &instance).await
}

/// Finds the key of the scope's organization that `text` names.
async fn find(scope: &Scope, text: &str) -> Result<Option<Model>> {
    match (text.trim().parse(), api_keys::named_prefix(text)) {
        (Ok(GlobalId::ApiKey { id, .. }), _) => Ok(api_keys::get(scope, id).await?),
        (_, Some(prefix)) => Ok(api_keys::find_by_prefix(scope, prefix).await?),
        (_, None) => Ok(None),
    }
}

fn expiry(now: DateTime<Utc>, ttl: Duration) -> Result<DateTime<Utc>> {
    let ttl = TimeDelta::from_std(ttl).ok();
    ttl.and_then(|ttl| now.checked_add_signed(ttl)).context("--ttl is too long")
}

async fn list(scope: &Scope, now: DateTime<Utc>) -> Result<()> {
    let mut args = PageArgs { first: Some(100), ..PageArgs::default() };
    loop {
        let page = api_keys::page(scope, &args).await?;
        args.after = page.items.last().map(|item| item.cursor.clone());
        for item in page.items {
            say(&line(&item.node, now))?;
        }
        if !page.has_next {
            return Ok(());
        }
    }
}

fn line(key: &Model, now: DateTime<Utc>) -> String {
    let holds = if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|expires_at| expires_at <= now) {
        "expired"
    } else {
        "active"
    };
    let used = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let used = key.last_used_at.map_or("never".to_owned(), used);
    format!("{}\t{}\t{holds}\t{used}\t{}", key.prefix, name(key.role), key.name)
}
