//! `daybook api-key`.

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::{Subcommand, ValueEnum};
use daybook_entity::{api_key::Model, membership};
use daybook_service::{
    Permission, Scope,
    access::api_keys::{self, Created, NewApiKey},
    page::PageArgs,
};

use super::{access::name, close, open, say, scope};
use crate::config::Config;

#[derive(Subcommand, Debug)]
pub(super) enum ApiKey {
    /// Make a key and print it; nobody can tell it again
    Create {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// What the key may do there
        #[arg(long, value_enum, ignore_case = true)]
        role: Role,
        /// For people to recognize the key by
        #[arg(long)]
        name: String,
        /// How long the key holds [default: until it is revoked]
        #[arg(long, value_parser = humantime::parse_duration)]
        ttl: Option<Duration>,
    },
    /// End a key, at once and for good
    Revoke {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// The part of the key between `dbk_` and the next underscore
        prefix: String,
    },
    /// Print prefix, role, whether it holds, when it was last used, and name of each key
    List {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
    },
}

/// What a key may be.
#[derive(Copy, Clone, Debug, ValueEnum)]
pub(super) enum Role {
    /// Reads and exports the audit log
    Auditor,
    /// Only records audit entries
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

/// Makes, ends or lists API keys.
pub(super) async fn api_key(config: &Config, command: ApiKey) -> Result<()> {
    let instance = open(config).await?;
    let now = instance.clock.now();
    match command {
        ApiKey::Create { organization, role, name, ttl } => {
            let scope = scope(&instance, &organization, Permission::CreateApiKeys).await?;
            let expires_at = ttl.map(|ttl| expiry(now, ttl)).transpose()?;
            let new = NewApiKey { name, role: role.into(), expires_at };
            let Created { row: _, key } = api_keys::create(&scope, new).await?;
            say(&key)?;
        }
        ApiKey::Revoke { organization, prefix } => {
            let scope = scope(&instance, &organization, Permission::RevokeApiKeys).await?;
            let found = api_keys::find_by_prefix(&scope, &prefix).await?;
            let found = found
                .with_context(|| format!("{organization} has no API key with prefix {prefix}"))?;
            api_keys::revoke(&scope, found.id).await?;
        }
        ApiKey::List { organization } => {
            let scope = scope(&instance, &organization, Permission::ReadApiKeys).await?;
            list(&scope, now).await?;
        }
    }
    close(&instance).await
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
        "holds"
    };
    let used = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let used = key.last_used_at.map_or("never".to_owned(), used);
    format!("{}\t{}\t{holds}\t{used}\t{}", key.prefix, name(key.role), key.name)
}
