//! `daybook retention` and `daybook hold`.

mod consent;

use anyhow::{Result, bail};
use clap::Subcommand;
use daybook_service::{
    Permission, Scope,
    retention::{self, Obstacle, Outlook},
};

use consent::{Consent, Decision, Removal};

use super::{
    instance::{close, open, scope},
    output::say,
    report::inform,
};
use crate::config::Config;

#[derive(Subcommand, Debug)]
pub(super) enum Retention {
    /// Set the number of days that entries are kept; older entries are removed permanently, once a day
    Set {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// Number of days to keep an entry, counted from the time it was recorded (recordedAt)
        #[arg(long, required_unless_present = "forever", conflicts_with = "forever")]
        days: Option<u32>,
        /// Keep all entries from now on; removed entries do not come back
        #[arg(long)]
        forever: bool,
        #[command(flatten)]
        consent: Consent,
    },
    /// Print the number of days (or `forever`) and the sequence of the last removed entry (or 0)
    Show {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum Hold {
    /// Keep the whole audit log of an organization until the hold is released
    Place {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// Reason for the hold, recorded in the audit log
        #[arg(long)]
        reason: String,
        /// Name of the hold, e.g. a case number
        name: String,
    },
    /// Release a hold; entries that only this hold kept are then removed
    Release {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        #[command(flatten)]
        consent: Consent,
        /// Name of the hold
        name: String,
    },
    /// Print name, placing subject, time and reason of each hold, separated by tabs
    List {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
    },
}

/// Sets or shows the retention period of an organization's log.
pub(super) async fn retention(config: &Config, command: Retention) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Retention::Set { organization, days, forever: _, consent } => {
            let scope = scope(config, &instance, &organization, Permission::SetRetention).await?;
            if consent.ask(&removal_by_days(&scope, days).await?)? == Decision::Act {
                retention::set(&scope, days).await?;
            }
        }
        Retention::Show { organization } => {
            let scope = scope(config, &instance, &organization, Permission::ReadRetention).await?;
            let found = retention::find(&scope).await?;
            let days = found.as_ref().and_then(|found| found.days);
            let days = days.map_or_else(|| "forever".to_owned(), |days| days.to_string());
            say(&format!("{days}\t{}", found.map_or(0, |found| found.pruned)))?;
            if let Some(text) = held_back(&retention::outlook(&scope).await?) {
                inform(&text);
            }
        }
    }
    close(config, &instance).await
}

/// Describes what keeps old entries; none if nothing does.
fn held_back(outlook: &Outlook) -> Option<String> {
    let reason = |obstacle: &Obstacle| match obstacle {
        Obstacle::Hold => "a hold",
        Obstacle::Export => "an unfinished export",
        Obstacle::Clock => "a clock that was wrong when they were recorded",
    };
    let reasons: Vec<_> = outlook.obstacles.iter().map(reason).collect();
    (!reasons.is_empty()).then(|| format!("old entries are kept by {}", reasons.join(" and ")))
}

/// Entries that would be removed with a retention period of `days`.
async fn removal_by_days(scope: &Scope, days: Option<u32>) -> Result<Removal> {
    let known = retention::find(scope).await?.and_then(|found| found.days);
    let known = known.and_then(|known| u32::try_from(known).ok());
    Ok(Removal {
        preview: retention::preview(scope, days).await?,
        holds: retention::holds(scope).await?,
        is_new: days.is_some_and(|days| known.is_none_or(|known| days < known)),
    })
}

/// Entries that would be removed if the hold `name` is released; none if there is no such hold.
async fn removal_by_release(scope: &Scope, name: &str) -> Result<Option<Removal>> {
    let mut holds = retention::holds(scope).await?;
    let Some(place) = holds.iter().position(|hold| hold.name == name) else { return Ok(None) };
    holds.remove(place);
    let days = retention::find(scope).await?.and_then(|found| found.days);
    let days = days.and_then(|days| u32::try_from(days).ok());
    Ok(Some(Removal { preview: retention::preview(scope, days).await?, holds, is_new: true }))
}

/// Places, releases or lists holds.
pub(super) async fn hold(config: &Config, command: Hold) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Hold::Place { organization, reason, name } => {
            let scope = scope(config, &instance, &organization, Permission::PlaceHolds).await?;
            retention::place_hold(&scope, &name, &reason).await?;
        }
        Hold::Release { organization, consent, name } => {
            let scope = scope(config, &instance, &organization, Permission::ReleaseHolds).await?;
            let Some(removal) = removal_by_release(&scope, &name).await? else {
                bail!("{organization} has no hold named {name}");
            };
            if consent.ask(&removal)? == Decision::Act {
                retention::release_hold(&scope, &name).await?;
            }
        }
        Hold::List { organization } => {
            let scope = scope(config, &instance, &organization, Permission::ReadRetention).await?;
            for hold in retention::holds(&scope).await? {
                let at = hold.placed_at.to_rfc3339();
                say(&format!("{}\t{}\t{at}\t{}", hold.name, hold.placed_by, hold.reason))?;
            }
        }
    }
    close(config, &instance).await
}
