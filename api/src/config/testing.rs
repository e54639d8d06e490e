//! Settings that exist for tests.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use super::defaults::defaults;

/// Shortest lease of a job: it must be longer than the interval between two heartbeats.
const MIN_JOB_LEASE: Duration = Duration::from_secs(1);

/// Settings that only tests change, to wait less. No operator has a reason to, so `--help` and
/// `api/docs/settings.md` leave them out.
#[derive(Args, Clone, Debug)]
pub struct Testing {
    /// Time without a heartbeat after which another worker takes over a job. The default outlasts a restart of the
    /// database, and is short enough that nobody has to help when a node dies
    #[arg(
        long,
        env = "DAYBOOK_JOB_LEASE",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        hide = true,
        global = true
    )]
    pub job_lease: Duration,
    /// Maximum number of entries of an export that is finished before startExport returns. The default takes a
    /// fraction of a second, so that no client's timeout is near
    #[arg(
        long,
        env = "DAYBOOK_EXPORT_INLINE_RECORDS",
        default_value_t = 1_000,
        hide = true,
        global = true
    )]
    pub export_inline_records: u64,
    /// Interval between heartbeats on an idle event stream. The default is shorter than the idle timeouts of common
    /// proxies, of which the shortest are 30 seconds
    #[arg(
        long,
        env = "DAYBOOK_STREAM_HEARTBEAT",
        default_value = "15s",
        value_parser = humantime::parse_duration,
        hide = true,
        global = true
    )]
    pub stream_heartbeat: Duration,
}

impl Default for Testing {
    /// Returns the default of each option.
    fn default() -> Self {
        defaults()
    }
}

impl Testing {
    /// Checks the settings.
    ///
    /// # Errors
    /// Fails if the lease is too short.
    pub(super) fn check(&self) -> Result<()> {
        if self.job_lease < MIN_JOB_LEASE {
            let lease = humantime::format_duration(self.job_lease);
            bail!("DAYBOOK_JOB_LEASE must be at least 1s (it is {lease})");
        }
        Ok(())
    }
}
