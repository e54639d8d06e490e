//! `daybook retention` and `daybook hold`.

use anyhow::{Result, bail};
use clap::Subcommand;
use daybook_service::{Permission, retention};

use super::{close, open, say, scope};
use crate::config::Config;

#[derive(Subcommand, Debug)]
pub(super) enum Retention {
    /// Keep each entry of the audit log for a number of days; what is older is removed day by day
    Set {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// For how many days an entry is kept at the least
        #[arg(long, required_unless_present = "forever", conflicts_with = "forever")]
        days: Option<u32>,
        /// Keep all entries that are there; what was removed stays removed
        #[arg(long)]
        forever: bool,
    },
    /// Print the number of days and the sequence through which entries were removed
    Show {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum Hold {
    /// Keep an organization's whole log from being removed, until the hold is released
    Place {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// Why, for the log
        #[arg(long)]
        reason: String,
        /// What the hold is called, such as a case's number
        name: String,
    },
    /// End a hold
    Release {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// What it is called
        name: String,
    },
    /// Print name, who placed it, when, and reason of each hold
    List {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
    },
}

/// Says or shows how long a log is kept.
pub(super) async fn retention(config: &Config, command: Retention) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Retention::Set { organization, days, forever: _ } => {
            let scope = scope(&instance, &organization, Permission::SetRetention).await?;
            retention::set(&scope, days).await?;
        }
        Retention::Show { organization } => {
            let scope = scope(&instance, &organization, Permission::ReadRetention).await?;
            let found = retention::find(&scope).await?;
            let days = found.as_ref().and_then(|found| found.days);
            let days = days.map_or_else(|| "forever".to_owned(), |days| days.to_string());
            say(&format!("{days}\t{}", found.map_or(0, |found| found.pruned)))?;
        }
    }
    close(&instance).await
}

/// Places, releases or lists holds.
pub(super) async fn hold(config: &Config, command: Hold) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Hold::Place { organization, reason, name } => {
            let scope = scope(&instance, &organization, Permission::PlaceHolds).await?;
            retention::place_hold(&scope, &name, &reason).await?;
        }
        Hold::Release { organization, name } => {
            let scope = scope(&instance, &organization, Permission::ReleaseHolds).await?;
            if !retention::release_hold(&scope, &name).await? {
                bail!("{organization} has no hold {name}");
            }
        }
        Hold::List { organization } => {
            let scope = scope(&instance, &organization, Permission::ReadRetention).await?;
            for hold in retention::holds(&scope).await? {
                let at = hold.placed_at.to_rfc3339();
                say(&format!("{}\t{}\t{at}\t{}", hold.name, hold.placed_by, hold.reason))?;
            }
        }
    }
    close(&instance).await
}
