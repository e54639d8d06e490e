//! Rules that settings of several groups follow.

use std::time::Duration;

use anyhow::{Result, bail};

/// Longest time for which anything is kept; dates beyond it can't be stored.
const MAX_RETENTION: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// Refuses a time for which nothing can be kept.
pub(super) fn at_most_a_century(name: &str, time: Duration) -> Result<()> {
    if time > MAX_RETENTION {
        bail!("{name} must be at most 100years (it is {})", humantime::format_duration(time));
    }
    Ok(())
}

/// Refuses the first setting that is set, since all of them have no effect without the setting `needed`.
pub(super) fn refuse_without(needed: &str, settings: &[(&str, bool)]) -> Result<()> {
    match settings.iter().find(|(_, is_set)| *is_set) {
        Some((name, _)) => {
            bail!("{name} has no effect without {needed}: set {needed}, or unset {name}")
        }
        None => Ok(()),
    }
}
