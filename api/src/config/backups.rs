//! Backups: how many may be made, when they are made by themselves, and which are kept.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use daybook_service::backups::{Cron, Schedule};

use super::{
    defaults::defaults,
    heading,
    rules::{at_most_a_century, refuse_without},
};

/// Time zone of a schedule that names none.
const DEFAULT_TIME_ZONE: &str = "UTC";
/// Number of scheduled backups to keep unless a number is set: a week of daily ones.
const DEFAULT_KEEP: usize = 7;

/// Settings of backups.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = heading::EXPORTS_AND_BACKUPS)]
pub struct Backups {
    /// Backups that one organization, or the operators together, may start per hour; 0 allows only scheduled ones
    ///
    /// Lower it if the store has little space: each backup is a copy of all that it covers.
    #[arg(long, env = "DAYBOOK_BACKUPS_PER_HOUR", default_value_t = 10, global = true)]
    pub backups_per_hour: u32,
    /// Schedule for backups of the whole instance: a cron expression with five fields, e.g. "30 2 * * *"
    /// [default: none]
    ///
    /// Set it unless something else backs up the database. Processes that run jobs follow it: a worker needs it, too.
    #[arg(long, env = "DAYBOOK_BACKUP_SCHEDULE", global = true)]
    pub backup_schedule: Option<String>,
    /// Time zone of --backup-schedule, e.g. Europe/Berlin [default: UTC]
    ///
    /// Set it if the schedule means the hours of a place, which differ from UTC and change in summer.
    #[arg(long, env = "DAYBOOK_BACKUP_TIME_ZONE", global = true)]
    pub backup_time_zone: Option<String>,
    /// Number of scheduled backups to keep [default: 7]
    ///
    /// Raise it to be able to go back further, or if backups are made more often than daily.
    #[arg(long, env = "DAYBOOK_BACKUP_KEEP", global = true)]
    pub backup_keep: Option<usize>,
    /// Maximum age of a scheduled backup, e.g. 90d; the latest verified one is always kept [default: no limit]
    ///
    /// Set it if a rule says by when data must be gone, also from backups.
    #[arg(
        long,
        env = "DAYBOOK_BACKUP_MAX_AGE",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub backup_max_age: Option<Duration>,
}

impl Default for Backups {
    /// Returns the default of each option.
    fn default() -> Self {
        defaults()
    }
}

impl Backups {
    /// Returns the schedule, if there is one.
    ///
    /// # Errors
    /// Fails if a setting is not valid, or has no effect because there is no schedule.
    pub(crate) fn schedule(&self) -> Result<Option<Schedule>> {
        let Some(expression) = &self.backup_schedule else {
            refuse_without(
                "DAYBOOK_BACKUP_SCHEDULE",
                &[
                    ("DAYBOOK_BACKUP_TIME_ZONE", self.backup_time_zone.is_some()),
                    ("DAYBOOK_BACKUP_KEEP", self.backup_keep.is_some()),
                    ("DAYBOOK_BACKUP_MAX_AGE", self.backup_max_age.is_some()),
                ],
            )?;
            return Ok(None);
        };
        let zone = self.backup_time_zone.as_deref().unwrap_or(DEFAULT_TIME_ZONE);
        let cron = Cron::new(expression, zone).map_err(anyhow::Error::msg);
        let cron = cron.context("DAYBOOK_BACKUP_SCHEDULE is not valid")?;
        let keep = self.backup_keep.unwrap_or(DEFAULT_KEEP);
        if keep == 0 {
            bail!("DAYBOOK_BACKUP_KEEP must be at least 1 (it is 0)");
        }
        if let Some(age) = self.backup_max_age {
            at_most_a_century("DAYBOOK_BACKUP_MAX_AGE", age)?;
        }
        Ok(Some(Schedule { cron, keep, max_age: self.backup_max_age }))
    }
}
